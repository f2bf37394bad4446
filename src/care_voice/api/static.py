"""The web app's files: hashed assets are kept for a year, the page itself is asked for anew each time."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from care_voice.api.form_texts import choose
from care_voice.api.preloads import LOCALE_COOKIE, Preloads

STATIC_DIR = Path(__file__).parent / "static"
PAGES = ("/", "/library", "/library/trash", "/recordings/:id", "/models", "/settings", "/help")
"""Addresses of the app's pages, as web/src/lib/pages.ts has them: each is answered with the app."""
_PATTERNS = {page: re.compile(re.escape(page).replace(":id", "[^/]+")) for page in PAGES}
_CODINGS = {"br": "br", "gzip": "gz"}
"""Content codings that the build makes, the smallest first, and how their files end."""
_YEAR_S = 365 * 24 * 3600
_NOT_FOUND = 404
_API_PREFIXES = ("/v1/", "/api/")
"""No file is ever below these: what is not a route there does not exist, whatever the method."""


class WebApp(StaticFiles):
    """Serves the built app to requests that no route takes.

    Whoever reads an address that does not exist in a browser gets the app too, with the status 404: it says so in their
    language. Programs get a problem.
    """

    def __init__(self) -> None:
        super().__init__(directory=STATIC_DIR, html=True, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(_API_PREFIXES):
            raise HTTPException(_NOT_FOUND)
        await super().__call__(scope, receive, send)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await self._found(path, scope)
        # One that is missing may be there after the next update.
        hashed = path.startswith("assets/") and response.status_code != _NOT_FOUND
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable" if hashed else "no-cache"
        return response

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """A copy that the build has compressed, for who takes it: the script of a page is a third as long."""
        copies = [(coding, Path(f"{os.fspath(full_path)}.{ending}")) for coding, ending in _CODINGS.items()]
        packed = [(coding, path) for coding, path in copies if path.is_file()]
        if not packed:
            return super().file_response(full_path, stat_result, scope, status_code)
        taken = _taken(scope)
        coding, path = next(((coding, path) for coding, path in packed if coding in taken), ("", Path(full_path)))
        response = super().file_response(path, path.stat(), scope, status_code)
        if coding:
            response.headers["Content-Encoding"] = coding
        response.headers["Vary"] = "Accept-Encoding"
        return response

    async def _found(self, path: str, scope: Scope) -> Response:
        if page := _page(path):
            return _with_preloads(await super().get_response("index.html", scope), page, Request(scope))
        try:
            return await super().get_response(path, scope)
        except HTTPException as error:
            if error.status_code != _NOT_FOUND or not _for_a_reader(scope) or not is_built():
                raise
            return FileResponse(STATIC_DIR / "index.html", _NOT_FOUND)


def is_built() -> bool:
    """Whether the web app was built into the package."""
    return (STATIC_DIR / "index.html").is_file()


def _taken(scope: Scope) -> set[str]:
    """The content codings that somebody names and does not refuse (RFC 9110, 12.5.3)."""
    accepted = Headers(scope=scope).get("accept-encoding", "").replace(" ", "").lower()
    offers = [offer.split(";") for offer in accepted.split(",")]
    return {coding for coding, *weights in offers if not any(re.fullmatch(r"q=0(\.0*)?", weight) for weight in weights)}


def _page(path: str) -> str | None:
    """Which of the app's pages has this address; that of the first one is `.` here."""
    address = "/" if path == "." else f"/{path}"
    return next((page for page, pattern in _PATTERNS.items() if pattern.fullmatch(address)), None)


def _with_preloads(response: Response, page: str, request: Request) -> Response:
    """Names what the page needs in the language of whoever opens it. The service worker, which keeps one answer for all
    pages, is told nothing."""
    if not _for_a_reader(request.scope):
        return response
    locale = choose(request.headers.get("accept-language", ""), request.cookies.get(LOCALE_COOKIE))
    if links := _preloads().links(page, locale):
        response.headers["Link"] = links
        response.headers.add_vary_header("Accept-Language")
        response.headers.add_vary_header("Cookie")
    return response


@cache
def _preloads() -> Preloads:
    return Preloads.read(STATIC_DIR / "preloads.json")


def _for_a_reader(scope: Scope) -> bool:
    """Whether a browser wants to show it as a page of its own."""
    return "text/html" in Request(scope).headers.get("accept", "")
