"""`care-voice bench`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from care_voice.app import Application, usable_cpus
from care_voice.cli.common import errors_explained, explain
from care_voice.config import Settings, load_settings
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.model_errors import ModelNotInstalled
from care_voice.models.build import build_store
from care_voice.service.benchmark import RUNS, SECONDS, Effort, Recording, Speed, measure, shipped_recording
from care_voice.telemetry.logs import configure_logging
from care_voice.telemetry.memory import peak_resident_bytes

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        exists=True,
        dir_okay=False,
        help="Recordings of your own; without them, a clip of 3.8 s that comes with Care Voice.",
    ),
]
Models = Annotated[
    list[str] | None, typer.Option("-m", "--model", help="Model to measure, may be repeated; else all installed ones.")
]


@dataclass(frozen=True, slots=True)
class _Measured:
    """One model. `load_s` counts from the start of its worker; memory is that of all its engine workers."""

    model: str
    detail: str = ""
    load_s: float = 0.0
    peak_memory_bytes: int = 0
    speeds: tuple[Speed, ...] = ()
    error: CareVoiceError | None = None

    @property
    def sane(self) -> bool:
        return self.error is None and all(speed.problem is None for speed in self.speeds)


def bench(
    files: Files = None,
    models: Models = None,
    language: Annotated[str | None, typer.Option("-l", "--language", help="Spoken language; else detected.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Most runs of each recording.")] = RUNS,
    seconds: Annotated[
        float, typer.Option(min=0, help="A recording is not begun again after so many seconds.")
    ] = SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Measure the installed models on this machine: speed, latency, load time, memory. Downloads nothing.

    Exit code 1 if a model failed or its words were wrong.
    """
    with errors_explained(), ExitStack() as stack:
        settings = load_settings()
        # It measures this machine, whatever decodes for the service.
        settings = replace(settings, engine=replace(settings.engine, kind="local"))
        configure_logging(settings.log_format, "error")
        recordings = [Recording(path, language) for path in files or ()] or [stack.enter_context(shipped_recording())]
        names = models or _installed(settings)
        measured = asyncio.run(_measure_all(settings, names, recordings, Effort(runs, seconds)))
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode([_as_json(each) for each in measured]), indent=2))
    else:
        _print(measured)
    if not all(each.sane for each in measured):
        raise typer.Exit(1)


def _installed(settings: Settings) -> list[str]:
    names = [manifest.name for manifest in build_store(settings.models).installed()]
    if not names:
        raise ModelNotInstalled(name=settings.model)
    return names


async def _measure_all(
    settings: Settings, names: Sequence[str], recordings: Sequence[Recording], effort: Effort
) -> list[_Measured]:
    measured = []
    with Console(stderr=True).status("starting") as status:
        for name in names:
            status.update(f"measuring {name}")
            measured.append(await _measure_model(replace(settings, model=name), recordings, effort))
    return measured


async def _measure_model(settings: Settings, recordings: Sequence[Recording], effort: Effort) -> _Measured:
    """One model alone in a service of its own: start, self-test, recordings, end."""
    application = Application(settings)
    try:
        await application.lifecycle.start_and_wait(repair=False)
        speeds = [await measure(application.transcriber, recording, effort) for recording in recordings]
        stage = application.lifecycle.board["engine_worker"]
        memory = sum(map(peak_resident_bytes, application.engine.pids))
        return _Measured(settings.model, stage.detail, stage.seconds, memory, tuple(speeds))
    except CareVoiceError as error:
        return _Measured(settings.model, error=error)
    finally:
        await application.lifecycle.close()


def _as_json(measured: _Measured) -> dict[str, object]:
    error = measured.error
    return {
        "model": measured.model,
        "cpus": usable_cpus(),
        "detail": measured.detail,
        "load_s": round(measured.load_s, 3),
        "peak_memory_bytes": measured.peak_memory_bytes,
        "recordings": [_speed_as_json(speed) for speed in measured.speeds],
        "error": error and {"code": error.code, "detail": error.message, "hint": error.advice},
    }


def _speed_as_json(speed: Speed) -> dict[str, object]:
    return {
        "recording": speed.recording,
        "audio_s": round(speed.audio_s, 3),
        "runs": len(speed.wall_s),
        "median_s": round(speed.median_s, 3),
        "p95_s": round(speed.p95_s, 3),
        "rtf": round(speed.rtf, 4),
        "problem": speed.problem,
    }


def _print(measured: Sequence[_Measured]) -> None:
    # A light frame: the table fits 80 columns with room for the names of files.
    table = Table("Model", "Recording", title=f"{usable_cpus()} CPUs", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("Sound s", "RTF", "Median s", "p95 s", "Load s", "MB"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Words", no_wrap=True)
    for model in measured:
        for speed in model.speeds:
            words = "[red]wrong[/]" if speed.problem else "[green]ok[/]"
            table.add_row(model.model, speed.recording, *_numbers(model, speed), words)
    if table.row_count:
        Console().print(table)
    _explain(measured)


def _explain(measured: Sequence[_Measured]) -> None:
    for model in measured:
        if model.error is not None:
            explain(model.error, f"{model.model}: ")
        for speed in model.speeds:
            if speed.problem is not None:
                typer.echo(f"Error: {model.model}: {speed.recording}: {speed.problem}", err=True)


def _numbers(model: _Measured, speed: Speed) -> list[str]:
    return [
        f"{speed.audio_s:.1f}",
        f"{speed.rtf:.3f}",
        f"{speed.median_s:.2f}",
        f"{speed.p95_s:.2f}",
        f"{model.load_s:.1f}",
        f"{model.peak_memory_bytes / 1e6:.0f}",
    ]
