"""`care-voice recordings import`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from care_voice.cli.kept import Kept, print_json, with_kept
from care_voice.domain.recordings import Wish
from care_voice.service.disk_watch import DiskWatch
from care_voice.service.folder_import import Candidate, FolderImport, Imported, ImportWish, candidates
from care_voice.service.option_texts import to_texts
from care_voice.service.options import TranscriptionOptions

Show = Callable[[Imported], None]


def import_folder(
    folder: Annotated[Path, typer.Argument(help="A folder; the recordings in it and below it are imported.")],
    language: Annotated[str | None, typer.Option("-l", "--language", help="Spoken language; else detected.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A tag for all of them; may be repeated.")] = None,
    tag_folders: Annotated[bool, typer.Option("--tag-folders", help="Tag each with the folders it lies in.")] = False,
    no_transcript: Annotated[bool, typer.Option("--no-transcript", help="Keep them, and transcribe nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Import the recordings of a folder. Its files are only read.

    What is there already is skipped, judged by its bytes, so that an import that was interrupted is gone on with by the
    same command. Exit code 1 if a file could not be imported.
    """

    async def work(kept: Kept) -> list[Imported]:
        options = TranscriptionOptions(language=language)
        wish = Wish(transcribe=not no_transcript, options=to_texts(options), bulk=True)
        importing = FolderImport(kept.db, kept.intake, ImportWish(wish, tuple(tag or ()), tag_folders))
        found = await asyncio.to_thread(lambda: list(candidates(folder)))
        return await _import_all(importing, found, kept.disk, silent=as_json)

    results = with_kept(work)
    if as_json:
        print_json(results)
    else:
        _sum_up(results)
    if any(result.outcome == "failed" for result in results):
        raise typer.Exit(1)


async def _import_all(
    importing: FolderImport, found: list[Candidate], disk: DiskWatch, *, silent: bool
) -> list[Imported]:
    """Raises StorageLow where an import would take room from recordings that are being made."""
    results = []
    with _shown(sum(candidate.size for candidate in found), silent=silent) as (advance, show):
        for candidate in found:
            await asyncio.to_thread(disk.look_for, candidate.size)
            result = await importing.take(candidate, advance)
            show(result)
            results.append(result)
    return results


@contextmanager
def _shown(total_bytes: int, *, silent: bool) -> Iterator[tuple[Callable[[int], None], Show]]:
    """What is told of bytes and of files: a bar on a terminal, and a line for each file."""
    console = Console(stderr=True)
    if silent or not console.is_terminal:
        yield (lambda _: None), (lambda result: None if silent else typer.echo(_line(result)))
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("importing", total=total_bytes)
        yield (lambda count: bars.advance(task, count)), (lambda result: bars.console.print(escape(_line(result))))


def _line(result: Imported) -> str:
    about = f": {result.why}" if result.why else ""
    return f"{result.outcome:8} {result.path}{about}" + (f" ({result.recording_id})" if result.recording_id else "")


def _sum_up(results: list[Imported]) -> None:
    counts = Counter(result.outcome for result in results)
    new = counts["imported"] + counts["resumed"]
    typer.echo(f"{new} imported, {counts['skipped']} skipped, {counts['failed']} failed")
    if new:
        typer.echo("They are transcribed by a running server, one after the other: `care-voice recordings list`.")
