"""The service's web server in the test's own event loop, without workers: recordings are taken in, and wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from care_voice.api.server import ApiServer, ApiServices, create_app
from care_voice.api.settings import ApiSettings
from care_voice.app import Application
from care_voice.config import load_settings
from support.ports import free_port
from support.server import environment


@dataclass(frozen=True, slots=True)
class IntakeServer:
    """`client` speaks to it; `port` is for connections of the test's own."""

    application: Application
    client: httpx.AsyncClient
    port: int


def _as_it_is(_: Application) -> None:
    """Nothing is changed."""


@asynccontextmanager
async def intake_server(
    data_dir: Path, change: Callable[[Application], None] = _as_it_is, **settings: str
) -> AsyncIterator[IntakeServer]:
    """A server over a database that is open; `change` may alter the application before it starts."""
    values = {f"CARE_VOICE_{name}": value for name, value in {"INTAKE__KEEP_FREE_BYTES": "0", **settings}.items()}
    application = Application(load_settings(environment(data_dir, data_dir / "models", values)))
    change(application)
    application.recordings.start()
    await application.recordings.watch.opened()
    port = free_port()
    serving = ApiServer(create_app(_services(application)), ApiSettings(port=port))
    task = asyncio.create_task(serving.run())
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await _listening(client)
            yield IntakeServer(application, client, port)
    finally:
        serving.stop(at_once=True)
        await task
        await application.recordings.close()


def _services(application: Application) -> ApiServices:
    return ApiServices(
        settings=application.settings.api,
        lifecycle=application.lifecycle,
        transcriber=application.transcriber,
        library=application.library,
        metrics=application.metrics,
        recordings=application.recordings.services(),
        incoming_dir=application.settings.incoming_dir,
    )


async def _listening(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await client.get("/health/live")
            except httpx.ConnectError:
                await asyncio.sleep(0.01)
            else:
                return
