"""The parts of the service in the test's own process, over real workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from care_voice.app import Application
from care_voice.config import load_settings
from support.server import environment


def _as_it_is(_: Application) -> None:
    """Nothing is changed."""


@asynccontextmanager
async def running_application(
    data_dir: Path, model_store: Path, change: Callable[[Application], None] = _as_it_is, **settings: str
) -> AsyncIterator[Application]:
    """An application that is ready, until the block ends; `change` may alter it before it starts."""
    values = {f"CARE_VOICE_{name}": value for name, value in settings.items()}
    application = Application(load_settings(environment(data_dir, model_store, values)))
    change(application)
    application.clear_incoming()
    try:
        await application.lifecycle.start_and_wait(repair=False)
        yield application
    finally:
        await application.lifecycle.close()
