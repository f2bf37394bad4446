"""Progress of the model manager on stderr: bars on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, TaskID, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as ProgressBar

from care_voice.models.progress import Meter, Progress, ProgressCallback

_SPARSE_STEP_PERCENT = 10


@contextmanager
def progress_shown(*, silent: bool = False) -> Iterator[ProgressCallback | None]:
    """Yield what shows progress; None when nothing is to be shown."""
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
    """A line when a phase or file begins, and one for every tenth of it, with the rate and the time that is left."""

    def __init__(self) -> None:
        self._seen: set[tuple[str, str, int]] = set()
        self._meters: dict[tuple[str, str], Meter] = {}

    def __call__(self, event: Progress) -> None:
        meter = self._meters.setdefault((event.phase, event.file), Meter(event.total_bytes))
        meter.feed(event, time.monotonic())
        percent = 100 * event.done_bytes // event.total_bytes if event.total_bytes else 0
        key = (event.phase, event.file, percent // _SPARSE_STEP_PERCENT)
        if key in self._seen:
            return
        self._seen.add(key)
        typer.echo(f"{_describe(event)}{f' {percent} %' if event.done_bytes else ''}{_speed(meter)}", err=True)


def _describe(event: Progress) -> str:
    where = f" ({event.source})" if event.source else ""
    return f"{event.phase} {event.file}".rstrip() + where


def _speed(meter: Meter) -> str:
    now = meter.snapshot(time.monotonic())
    if now.rate_bytes_s is None or now.phase != "downloading":
        return ""
    left = f", {now.eta_s:.0f} s left" if now.eta_s else ""
    return f" {decimal(int(now.rate_bytes_s))}/s{left}"
