"""`care-voice tune`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.status import Status
from rich.table import Table

from care_voice.app import Application
from care_voice.cli.common import errors_explained
from care_voice.config import Settings, load_settings
from care_voice.ops.background import is_served
from care_voice.service.engine_choice import EXHAUSTIVE
from care_voice.service.tuning_policy import Measurement
from care_voice.service.tuning_record import TuningRecord
from care_voice.telemetry.logs import configure_logging

Name = Annotated[str | None, typer.Argument(help="Model to measure; else the one that is served.")]


def tune(
    model: Name = None, as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False
) -> None:
    """Measure on this machine which engine runs a model best, with how many workers and threads, and keep the result:
    the service runs the model so from its next start on. Numbers that the settings give are kept.

    It takes a minute with a small model. Stop the service first: beside it the figures suffer.
    """
    with errors_explained():
        settings = load_settings()
        configure_logging(settings.log_format, "error")
        if is_served(settings.run_dirs):
            typer.echo("The service is running, and the figures suffer from it; stop it for better ones.", err=True)
        record = asyncio.run(_tune(replace(settings, model=model or settings.model)))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(_as_json(record)), indent=2))
    else:
        _print(record)


async def _tune(settings: Settings) -> TuningRecord:
    application = Application(settings)
    try:
        with Console(stderr=True).status("starting") as status:
            return await application.tune(EXHAUSTIVE, _Shown(status))
    finally:
        await application.lifecycle.close()


class _Shown:
    """Says on the terminal what is being measured."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def say(self, detail: str, progress: float | None = None) -> None:
        self._status.update(detail if progress is None else f"{detail} {progress:.0%}")


def _as_json(record: TuningRecord) -> dict[str, Any]:
    return {
        "model": record.model,
        "measured_at": record.measured_at,
        "stored": record.lasting,
        "cores": record.fingerprint.cores,
        "plans": [{**msgspec.to_builtins(each), "chosen": each.plan == record.plan} for each in record.measurements],
    }


def _print(record: TuningRecord) -> None:
    cores = record.fingerprint.cores
    table = Table("Engine", title=f"{record.model}, {cores} CPUs", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("Workers", "Threads", "Latency s", "Windows/s", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for each in record.measurements:
        found = "[green]chosen[/]" if each.plan == record.plan else each.why
        table.add_row(each.plan.runtime, str(each.plan.workers), str(each.plan.threads), *_numbers(each), found)
    Console().print(table)
    if not record.lasting:
        typer.echo("Not kept: an engine failed, and the next start tries again.", err=True)


def _numbers(found: Measurement) -> list[str]:
    if found.outcome in {"failed", "skipped"}:
        return ["", "", ""]
    rate = "" if found.windows_per_s is None else f"{found.windows_per_s:.2f}"
    return [f"{found.latency_s:.3f}", rate, f"{found.memory_bytes / 1e6:.0f}"]
