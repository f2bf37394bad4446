"""What every request passes: its id, its limit, its line in the log and its place in the metrics. Plain ASGI."""

from __future__ import annotations

import time
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from care_voice.api.context import choose_request_id, request_id
from care_voice.api.problems import error_response, http_error_response
from care_voice.domain.errors import BodyTooLarge, CareVoiceError, ForeignHost, ForeignOrigin
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger("care_voice.access")

_WAVEFORM_STYLE = "9SfrHdOLGeJ9IEr71EpmpCjtP/RYIJ2yGgDBKCLmeEE="
"""SHA-256 of the style sheet that wavesurfer.js puts beside its waveform (web/src/pages/transcript/waveform.tsx): it
depends on its version and on the waveform's height. No other style that stands within a page counts."""
_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" browsers send `Origin: null` with a form, which would be refused as that of another site.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Content-Security-Policy": (
        f"default-src 'self'; style-src 'self' 'sha256-{_WAVEFORM_STYLE}'; "
        "media-src 'self' blob:; img-src 'self' data:; worker-src 'self' blob:; object-src 'none'; "
        "base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
}
_QUIET_ROUTES = frozenset({
    "/health", "/health/live", "/health/ready", "/health/startup", "/health/models/{name}", "/metrics",
    "/api/v1/status", "/api/v1/models",
})  # fmt: skip
"""Asked every few seconds by probes, which are told the reason when they fail: logged for debugging only."""


class RequestContext:
    """Gives each request an id, binds it to the logs, measures and logs the request, adds the security headers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chosen = choose_request_id(Headers(scope=scope).get("x-request-id"))
        request_id.set(chosen)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=chosen)
        started, status = time.monotonic(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = chosen
                for name, value in _SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        finally:
            self._record(scope, status, time.monotonic() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"]
        self._metrics.http_requests.labels(method, route, status).inc()
        self._metrics.http_seconds.labels(method, route).observe(seconds)
        say = log.debug if route in _QUIET_ROUTES else log.info
        say("request", method=method, route=route, status=status, seconds=round(seconds, 4))


class SameSite:
    """Keeps pages of other sites away: there is no login yet, and a browser on this machine reaches the port.

    A foreign `Origin` is refused, and so is a `Host` that is neither an address nor a known name: else a site could
    point its own name at this machine (DNS rebinding) and read what is answered.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = {"localhost", *(host.lower() for host in allowed_hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (error := self._fault(Headers(scope=scope))) is not None:
            await error_response(error, scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _fault(self, headers: Headers) -> CareVoiceError | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._known(_parts(f"//{host}").hostname or ""):
            return ForeignHost()
        if origin is not None and _parts(origin).netloc != host:
            return ForeignOrigin()
        return None

    def _known(self, name: str) -> bool:
        return name.lower() in self._hosts or is_address(name)


def _parts(address: str) -> SplitResult:
    """Of an address that somebody sent; empty ones where it is none, such as `//[`."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def is_address(name: str) -> bool:
    """Whether a host name is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class WholeAddresses:
    """Answers 404 to an address with a NUL: no name has one, and neither PostgreSQL nor a file system can be asked."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and "\0" in scope["path"]:
            await http_error_response(HTTPException(404), scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a body over the limit: at once when its length is declared, else at the byte that is too many.

    What is sent to an address in `elsewhere`, or below one that ends with a slash, is limited there.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int, elsewhere: Sequence[str] = ()) -> None:
        self._app = app
        self._limit = limit_bytes
        self._elsewhere = elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_limited_elsewhere(scope["path"]):
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > self._limit:
            await error_response(BodyTooLarge(limit_bytes=self._limit), scope["path"])(scope, receive, send)
            return
        received = 0

        async def limited_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._limit:
                raise BodyTooLarge(limit_bytes=self._limit)
            return message

        await self._app(scope, limited_receive, send)

    def _is_limited_elsewhere(self, path: str) -> bool:
        return any(path == each or (each.endswith("/") and path.startswith(each)) for each in self._elsewhere)
