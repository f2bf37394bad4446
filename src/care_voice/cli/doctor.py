"""`care-voice doctor`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from care_voice.api.static import is_built
from care_voice.app import Application
from care_voice.app.stewarding import entrance_settings
from care_voice.cli.common import errors_explained
from care_voice.config import Settings, load_settings
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import PreflightFailed
from care_voice.ops.deploy.checkup import Checkup
from care_voice.service.startup import Stage, StartupBoard
from care_voice.telemetry.logs import configure_logging

_MARKS = {"done": "[green]ok[/]", "failed": "[red]failed[/]", "pending": "[dim]not reached[/]"}


def doctor(
    full: Annotated[
        bool, typer.Option("--full", help="Read every byte of the model, also where no file has changed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Check this machine: settings, disk, memory, devices, database, the model's digests, the workers, a known clip;
    and what is around the service: the entrance, the steward, the ports. Downloads nothing."""
    with errors_explained():
        settings = load_settings()
        if full:
            settings = replace(settings, models=replace(settings.models, recheck_after_h=0.0))
        configure_logging(settings.log_format, "error")
        stages = asyncio.run(_examine(settings))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode([_as_json(stage) for stage in stages]), indent=2))
    else:
        _print(stages)
    if any(stage.state != "done" for stage in stages):
        raise typer.Exit(1)


async def _examine(settings: Settings) -> list[Stage]:
    application = Application(settings)
    lifecycle = application.lifecycle
    board = StartupBoard(["web_app"])
    with suppress(CareVoiceError), board.run("web_app") as stage:
        stage.say(_web_app())
    try:
        # The stage that fails holds the error, and is shown with it.
        with suppress(CareVoiceError):
            await lifecycle.start_and_wait(repair=False)
    finally:
        await lifecycle.close()
    return [*board.stages, *lifecycle.board.stages, *_look_around(settings)]


def _look_around(settings: Settings) -> list[Stage]:
    """What is around the service, whatever is wrong with itself."""
    checks = Checkup(
        settings.data_dir,
        settings.run_dirs,
        settings.entrance_dir,
        settings.entrance,
        resolved=lambda: entrance_settings(settings),
        api=(settings.api.host, settings.api.port),
        contained=settings.deploy.host == "container",
    ).checks()
    board = StartupBoard([check.name for check in checks])
    for check in checks:
        with suppress(CareVoiceError), board.run(check.name) as stage:
            stage.say(check.run())
    return board.stages


def _web_app() -> str:
    if is_built():
        return "built"
    raise PreflightFailed(name="web_app", why="it is not built", advice="Run ./start.sh, or `npm run build` in web/.")


def _as_json(stage: Stage) -> dict[str, object]:
    error = stage.error
    return {
        "name": stage.name,
        "state": stage.state,
        "detail": stage.detail,
        "seconds": round(stage.seconds, 3),
        "error": error and {"code": error.code, "detail": error.message, "hint": error.advice},
    }


def _print(stages: list[Stage]) -> None:
    table = Table("Check", "Result", "Seconds", "Found")
    for stage in stages:
        found = f"{stage.error.message} {stage.error.advice}" if stage.error else stage.detail
        table.add_row(stage.name, _MARKS.get(stage.state, stage.state), f"{stage.seconds:.2f}", found)
    Console().print(table)
