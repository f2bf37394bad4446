"""The web app's files: hashed assets are kept for a year, the page itself is asked for anew each time."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

STATIC_DIR = Path(__file__).parent / "static"
_YEAR_S = 365 * 24 * 3600
_API_PREFIXES = ("/v1/", "/api/")
"""No file is ever below these: what is not a route there does not exist, whatever the method."""


class WebApp(StaticFiles):
    """Serves the built app to requests that no route takes; `/` is its page."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC_DIR, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(_API_PREFIXES):
            raise HTTPException(404)
        await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        hashed = path.startswith("assets/")
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if hashed else "no-cache"
        return response


def is_built() -> bool:
    """Whether the web app was built into the package."""
    return (STATIC_DIR / "index.html").is_file()
