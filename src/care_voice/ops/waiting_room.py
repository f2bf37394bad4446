"""Answers in place of a service that cannot even start, so that whoever asks gets the reason and not a closed door.

It is for containers: there a process that ends is started again and again, and nobody reads why.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET6
from typing import Any

import structlog

from care_voice.domain.errors import CareVoiceError

log = structlog.get_logger(__name__)

_RETRY_AFTER_S = 5
_ALIVE = "/health/live"
_BY_A_PROXY = ("x-forwarded", "forwarded", "x-real-ip", "via")


class WaitingRoom:
    """Listens between `open` and `close`, in a thread; says why the service is not there."""

    def __init__(self, host: str, port: int) -> None:
        self._address = (host, port)
        self._server: ThreadingHTTPServer | None = None

    def open(self, reason: CareVoiceError) -> None:
        """Begin to answer. Where the address is taken nobody is answered."""
        handler = type("Handler", (_Handler,), {"reason": reason})
        server = _ServerV6 if ":" in self._address[0] else ThreadingHTTPServer
        try:
            self._server = server(self._address, handler)
        except (OSError, OverflowError) as error:
            log.warning("waiting_room_closed", why=str(error))
            return
        threading.Thread(target=self._server.serve_forever, name="waiting-room", daemon=True).start()

    def close(self) -> None:
        """Leave the address to the service."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _ServerV6(ThreadingHTTPServer):
    address_family = AF_INET6


class _Handler(BaseHTTPRequestHandler):
    reason: CareVoiceError
    timeout = 10
    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        if self.path == _ALIVE:
            self._answer(200, {"status": "live"})
        else:
            self._answer(503, self._problem())

    def _refuse(self) -> None:
        self._answer(503, self._problem())

    do_HEAD = do_GET  # noqa: N815 - the names are the library's
    do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse  # noqa: N815

    def _problem(self) -> dict[str, Any]:
        """The reason in words is for whoever runs the service, which is who asks on the machine itself."""
        code, told = self.reason.code, {"status": 503, "state": "degraded"}
        problem: dict[str, Any] = {"type": "about:blank", "title": code.replace("_", " "), "code": code, **told}
        if self._is_from_here:
            problem |= {"detail": self.reason.message, "hint": self.reason.advice}
        return problem

    @property
    def _is_from_here(self) -> bool:
        forwarded = any(name.lower().startswith(_BY_A_PROXY) for name in self.headers)
        return not forwarded and ip_address(self.client_address[0]).is_loopback

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        kind = "application/json" if status == 200 else "application/problem+json"
        headers = {"Content-Type": kind, "Content-Length": str(len(content)), "Retry-After": str(_RETRY_AFTER_S)}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Nothing: probes ask every few seconds."""
