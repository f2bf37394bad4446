"""The web application and the server that runs it."""

from __future__ import annotations

import socket
from contextlib import AbstractContextManager, nullcontext

import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from care_voice import __version__
from care_voice.api import (
    audio,
    form_pages,
    health,
    jobs,
    library,
    models,
    openai,
    recordings_intake,
    retention,
    transcripts,
    tus,
    web,
    webhooks,
)
from care_voice.api.binding import bind, cannot_listen, url
from care_voice.api.middleware import BodyLimit, RequestContext, SameSite, WholeAddresses
from care_voice.api.openapi import SCHEMAS
from care_voice.api.openapi_shapes import describe_answers
from care_voice.api.problems import InternalError, error_response, http_error_response
from care_voice.api.services import ApiServices
from care_voice.api.settings import ApiSettings
from care_voice.api.static import WebApp
from care_voice.api.streams import ClientGone
from care_voice.domain.errors import CareVoiceError

__all__ = ["ApiServer", "ApiServices", "create_app"]

log = structlog.get_logger(__name__)
ROUTES = (
    openai,
    web,
    models,
    health,
    recordings_intake,
    retention,
    tus,
    library,
    audio,
    jobs,
    transcripts,
    webhooks,
    form_pages,
)
_CLIENT_CLOSED_REQUEST = 499
_LIMITED_BY_INTAKE = (
    recordings_intake.router.prefix,
    tus.router.prefix,
    f"{tus.router.prefix}/",
    form_pages.ADDRESS,
)
"""Recordings as they come in: they have limits of their own, and are never collected in memory."""


def create_app(services: ApiServices) -> FastAPI:
    """All routes over the given parts."""
    app = FastAPI(
        title="Care Voice",
        version=__version__,
        description="Self-hosted speech-to-text with an OpenAI-compatible API.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    for module in ROUTES:
        app.include_router(module.router)
    app.router.default = WebApp()
    app.add_exception_handler(CareVoiceError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(ClientGone, _on_client_gone)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)
    app.add_exception_handler(Exception, _on_bug)
    app.add_middleware(tus.MethodOverride)
    app.add_middleware(BodyLimit, limit_bytes=services.settings.max_body_bytes, elsewhere=_LIMITED_BY_INTAKE)
    app.add_middleware(WholeAddresses)
    app.add_middleware(SameSite, allowed_hosts=services.settings.allowed_hosts)
    app.add_middleware(RequestContext, metrics=services.metrics)
    _describe_shapes(app)
    return app


class _Server(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override] # the base is a generator
        """Signals belong to the service, which drains before it stops listening."""
        return nullcontext()


class ApiServer:
    """uvicorn on a socket that is bound before anything is promised."""

    def __init__(self, app: FastAPI, settings: ApiSettings) -> None:
        self._settings = settings
        config = uvicorn.Config(
            app, host=settings.host, port=settings.port, log_config=None, access_log=False, server_header=False,
            proxy_headers=False,  # X-Forwarded-For is read in api.callers, from proxies that are trusted
            timeout_graceful_shutdown=5, timeout_keep_alive=75,
        )  # fmt: skip
        self._server = _Server(config)

    async def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `stop`. Raises CannotListen."""
        sockets = sockets or [bind(self._settings)]
        try:
            for sock in sockets:
                sock.listen()
        except OSError as error:  # somebody has bound the address as well, and listens
            raise cannot_listen(self._settings, error) from error
        log.info("listening", url=url(self._settings))
        await self._server.serve(sockets)

    def stop(self, *, at_once: bool) -> None:
        """Answer what is in hand and end; `at_once` cuts it off."""
        self._server.should_exit = True
        self._server.force_exit = at_once


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, CareVoiceError)
    return error_response(error, request.url.path)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return http_error_response(error, request.url.path)


async def _on_client_gone(_: Request, __: Exception) -> Response:
    return Response(status_code=_CLIENT_CLOSED_REQUEST)


async def _on_bug(request: Request, error: Exception) -> Response:
    log.error("unexpected_error", exc_info=error)
    return error_response(InternalError(), request.url.path)


def _describe_shapes(app: FastAPI) -> None:
    schema = app.openapi()
    schema.setdefault("components", {}).setdefault("schemas", {}).update(SCHEMAS)
    describe_answers(schema)
