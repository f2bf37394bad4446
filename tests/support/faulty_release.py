"""A release of the program that has a fault: `python -m support.faulty_release serve`.

It is the real service, which finds nothing wrong with itself; what it answers to whoever sends it a recording is wrong,
late or an error, as TEST_RELEASE_FAULT says: `wrong`, `error` or `slow`. `ends` ends before it listens.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from care_voice.api import server
from care_voice.cli import main

FAULT_VARIABLE = "TEST_RELEASE_FAULT"
FAULTS = ("wrong", "error", "slow", "ends")
_ROUTE = "/v1/audio/transcriptions"
_SLOW_S = 6.0

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Faulty:
    """The application, but for one route."""

    def __init__(self, app: Any, fault: str) -> None:
        self._app, self._fault = app, fault

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != _ROUTE:
            await self._app(scope, receive, send)
        elif self._fault == "slow":
            await asyncio.sleep(_SLOW_S)
            await self._app(scope, receive, send)
        else:
            while (await receive()).get("more_body"):
                pass
            await self._answer(send)

    async def _answer(self, send: Send) -> None:
        status, body = (
            (500, {"error": {"message": "no"}}) if self._fault == "error" else (200, {"text": "Nobody came."})
        )
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})


if __name__ == "__main__":
    fault = os.environ[FAULT_VARIABLE]
    if fault == "ends":
        sys.exit("this release has a mistake in it")
    create_app = server.create_app
    server.create_app = lambda services: Faulty(create_app(services), fault)  # type: ignore[assignment,return-value]
    main()
