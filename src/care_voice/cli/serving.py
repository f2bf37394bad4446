"""`care-voice serve`, without Typer: its import would delay every start of the service."""

from __future__ import annotations

import asyncio

from care_voice.cli.background import PidFile, local_address
from care_voice.cli.common import errors_explained, give_up
from care_voice.config import load_settings
from care_voice.supervisor.spawning import HeadStart
from care_voice.telemetry.logs import configure_logging


def serve() -> None:
    """Run the service in the foreground, until SIGTERM or Ctrl-C."""
    serve_from(HeadStart())


def serve_from(head_start: HeadStart) -> None:
    """Run the service with workers that may have been started already. Exits with 1 where it cannot."""
    try:
        _serve(head_start)
    finally:
        head_start.close()


def _serve(head_start: HeadStart) -> None:
    with errors_explained():
        settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    pid_file = PidFile(settings.run_dir)
    if not pid_file.acquire(local_address(settings.api.host, settings.api.port)):
        give_up(f"a server with the data directory {settings.data_dir} is running already.")
    if settings.engine.kind == "remote":
        head_start.end("engine")
    from care_voice.app import serve as run_service  # noqa: PLC0415

    try:
        with errors_explained():
            asyncio.run(run_service(settings, head_start.spawn))
    except OSError as error:
        give_up(
            f"cannot listen on {settings.api.host}:{settings.api.port}: {error.strerror}.",
            "choose another address with CARE_VOICE_API__HOST and CARE_VOICE_API__PORT.",
        )
