"""`care-voice models`: list, pull, verify and remove models."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressBar
from rich.table import Table

from care_voice.cli.common import errors_explained
from care_voice.models.build import build_puller
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.manifest import Manifest
from care_voice.models.progress import Progress, ProgressCallback
from care_voice.models.report import Report
from care_voice.models.settings import ModelSettings
from care_voice.models.store import ModelStore

app = typer.Typer(help="List, pull, verify and remove models.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of a model, as in `care-voice models list`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
_SPARSE_STEP_PERCENT = 10


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the catalogue, and what of it is installed (without checking the bytes: see verify)."""
    with errors_explained():
        store = ModelStore(_settings().directory)
        installed = {manifest.name: manifest for manifest in store.installed()}
        rows = [(model, installed.get(model.name)) for model in store.catalogue.models]
    if as_json:
        _print_json([_as_json(model, manifest) for model, manifest in rows])
    else:
        Console().print(_table(rows))


@app.command()
def pull(
    name: Annotated[str | None, typer.Argument(help="Name of a model; the one that is served without it.")] = None,
) -> None:
    """Fetch a model, or repair it: only what is missing or damaged is fetched."""
    with errors_explained(), _progress_shown() as progress:
        name = name or _served_model()
        pulled = build_puller(_settings()).pull(name, progress)
    if pulled.fetched:
        sources = ", ".join(sorted(set(pulled.fetched.values())))
        typer.echo(f"{name}: {len(pulled.fetched)} files from {sources}, verified, in {pulled.view}")
    else:
        typer.echo(f"{name}: verified, nothing had to be fetched")


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="Name of a model; all installed models without it.")] = None,
    as_json: Json = False,
) -> None:
    """Hash every file and compare it with the catalogue. Exit code 1 if anything is not as it should be."""
    with errors_explained(), _progress_shown(silent=as_json) as progress:
        store = ModelStore(_settings().directory)
        names = [name] if name else [manifest.name for manifest in store.installed()]
        reports = [store.verify(each, progress) for each in names]
    if as_json:
        _print_json([{"name": report.name, "ok": report.ok, **_report_json(report)} for report in reports])
    else:
        _print_reports(reports)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


@app.command("rm")
def remove(name: Name, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Delete a model; files that other models share stay."""
    if not yes:
        typer.confirm(f"Delete the model '{name}'?", abort=True)
    with errors_explained():
        ModelStore(_settings().directory).remove(name)
    typer.echo(f"{name}: removed")


def _served_model() -> str:
    from care_voice.config import load_settings  # noqa: PLC0415

    return load_settings().model


def _settings() -> ModelSettings:
    # Imported late: reading the configuration takes time that `--help` need not take.
    from care_voice.config import load_settings  # noqa: PLC0415

    return load_settings().models


@contextmanager
def _progress_shown(*, silent: bool = False) -> Iterator[ProgressCallback | None]:
    """Show progress on stderr: bars with rate and remaining time on a terminal, a few plain lines elsewhere."""
    console = Console(stderr=True)
    if silent:
        yield None
    elif console.is_terminal:
        with _bars(console) as bars:
            yield _Bars(bars)
    else:
        yield _SparseLines()


def _bars(console: Console) -> ProgressBar:
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return ProgressBar(TextColumn("{task.description}"), *columns, console=console, transient=True)


class _Bars:
    """One bar per phase and file."""

    def __init__(self, bars: ProgressBar) -> None:
        self._bars = bars
        self._tasks: dict[tuple[str, str], TaskID] = {}

    def __call__(self, event: Progress) -> None:
        key = (event.phase, event.file)
        if key not in self._tasks:
            self._tasks[key] = self._bars.add_task(_describe(event), total=None)
        self._bars.update(self._tasks[key], completed=event.done_bytes, total=event.total_bytes or None)


class _SparseLines:
    """A line when a phase or file begins, and one for every tenth of it."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, int]] = set()

    def __call__(self, event: Progress) -> None:
        percent = 100 * event.done_bytes // event.total_bytes if event.total_bytes else 0
        key = (event.phase, event.file, percent // _SPARSE_STEP_PERCENT)
        if key in self._seen:
            return
        self._seen.add(key)
        typer.echo(f"{_describe(event)}{f' {percent} %' if event.done_bytes else ''}", err=True)


def _describe(event: Progress) -> str:
    where = f" ({event.source})" if event.source else ""
    return f"{event.phase} {event.file}".rstrip() + where


def _table(rows: list[tuple[CatalogueModel, Manifest | None]]) -> Table:
    table = Table("Model", "Installed", "Languages", "Download", "Memory (int8)", "Note")
    for model, manifest in rows:
        sizes = (decimal(model.total_bytes), decimal(model.memory_bytes))
        table.add_row(model.name, "yes" if manifest else "", model.languages, *sizes, model.note)
    return table


def _as_json(model: CatalogueModel, manifest: Manifest | None) -> dict[str, object]:
    return {
        "name": model.name,
        "installed": manifest is not None,
        "pulled_at": manifest.pulled_at if manifest else None,
        "source": manifest.source if manifest else None,
        "languages": model.languages,
        "total_bytes": model.total_bytes,
        "memory_bytes": model.memory_bytes,
        "licence": model.licence,
        "note": model.note,
    }


def _report_json(report: Report) -> dict[str, object]:
    return {"manifest": report.manifest, "files": {file.name: file.state for file in report.files}}


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def _print_reports(reports: list[Report]) -> None:
    if not reports:
        typer.echo("No models are installed.")
    for report in reports:
        typer.echo(f"{report.name}: ok" if report.ok else f"{report.name}: damaged: {report.why}")
    if damaged := [report.name for report in reports if not report.ok]:
        typer.echo(f"Hint: `care-voice models pull {damaged[0]}` fetches only what is damaged.", err=True)
