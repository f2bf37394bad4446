"""`care-voice recordings`: what is kept is listed, searched, exported and imported, whether a server runs or not."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from care_voice.cli import recordings_export, recordings_hold, recordings_import
from care_voice.cli.common import explain, give_up
from care_voice.cli.kept import Kept, print_json, with_kept
from care_voice.cli.recordings_shown import About, about_json, found_json, found_table, print_about
from care_voice.domain.errors import CareVoiceError, RequestError
from care_voice.domain.jobs import Job, JobState
from care_voice.domain.library import Filters, Found, Order, Outcome
from care_voice.domain.receipts import Receipt
from care_voice.service.deletion import Deletion
from care_voice.service.folder_import import CLIENT
from care_voice.service.library import MAX_PAGE, Action
from care_voice.store import jobs, recordings
from care_voice.store.database import Connection

app = typer.Typer(help="List, search, export, import and remove recordings.", no_args_is_help=True)
app.command("export")(recordings_export.export)
app.command("import")(recordings_import.import_folder)
app.command("hold")(recordings_hold.hold)
app.command("release")(recordings_hold.release)


_NARROW = 110


class Sort(StrEnum):
    """Orders of a list."""

    NEWEST = "newest"
    OLDEST = "oldest"
    TITLE = "title"
    DURATION = "duration"


Id = Annotated[str, typer.Argument(metavar="RECORDING", help="Identifier, as in `care-voice recordings list`.")]
Ids = Annotated[list[str], typer.Argument(metavar="RECORDING...", help="Identifiers of recordings.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="Only those with this tag; may be repeated.")]
Trashed = Annotated[bool, typer.Option("--trashed", help="What lies in the trash, and nothing else.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="So many at most.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("list")
def list_recordings(
    tag: Tags = None,
    trashed: Trashed = False,
    language: Annotated[str | None, typer.Option("-l", "--language", help="Only those in this language.")] = None,
    order: Annotated[Sort, typer.Option("--order", help="What comes first.")] = Sort.NEWEST,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List recordings, and how far they are."""
    filters = Filters(tags=tuple(tag or ()), trashed=trashed, language=language)
    _print_found(filters, order.value, limit, as_json=as_json)


@app.command()
def search(
    query: Annotated[str, typer.Argument(help="Words that all must be there; a phrase in quotation marks.")],
    tag: Tags = None,
    trashed: Trashed = False,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """Search titles, notes, tags and what was said; the best come first. Exit code 1 where nothing is found."""
    filters = Filters(query=query, tags=tuple(tag or ()), trashed=trashed)
    if not _print_found(filters, "relevance", limit, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def show(recording: Id, as_json: Json = False) -> None:
    """Everything that is known of a recording: what was made of it, its jobs and its transcripts."""

    async def work(kept: Kept) -> About:
        return await kept.db.aread(lambda connection: About.read(connection, recording))

    about = with_kept(work)
    if as_json:
        print_json(about_json(about))
    else:
        print_about(Console(), about)


@app.command("rm")
def remove(
    recordings_named: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    permanently: Annotated[
        bool, typer.Option("--permanently", help="Delete for good, in the trash or not: nothing brings them back.")
    ] = False,
    reason: Annotated[str, typer.Option("--reason", help="For the receipts of what is deleted for good.")] = "",
) -> None:
    """Put recordings into the trash, from which `restore` takes them while it has not been emptied."""
    if reason and not permanently:
        give_up(
            "--reason is for receipts, and only what is deleted for good has one.",
            "Leave it out, or say --permanently.",
        )
    if not yes:
        _require_terminal()
        what = _counted(recordings_named)
        typer.confirm(f"Delete {what} for good?" if permanently else f"Put {what} into the trash?", abort=True)
    if permanently:
        _delete_for_good(recordings_named, reason or "asked for")
    else:
        _for_each("trash", recordings_named, "in the trash")


@app.command()
def restore(recordings_named: Ids) -> None:
    """Take recordings out of the trash."""
    _for_each("restore", recordings_named, "restored")


@app.command()
def retry(recordings_named: Ids) -> None:
    """Queue what failed or was cancelled again; what has been computed is kept. Exit code 1 where nothing is queued."""

    async def work(kept: Kept) -> list[tuple[str, list[Job] | CareVoiceError]]:
        return [(each, await _retried(kept, each)) for each in recordings_named]

    failed = False
    for recording_id, result in with_kept(work):
        if isinstance(result, CareVoiceError):
            explain(result, f"{recording_id}: ")
            failed = True
        else:
            typer.echo(f"{recording_id}: {', '.join(job.kind.value for job in result) or 'nothing had failed'}")
            failed = failed or not result
    if failed:
        raise typer.Exit(1)


def _print_found(filters: Filters, order: Order, limit: int, *, as_json: bool) -> int:
    async def work(kept: Kept) -> tuple[list[Found], dict[str, list[Job]]]:
        found = await _found(kept, filters, order, limit)
        ids = [each.recording.id for each in found]
        return found, await kept.db.aread(lambda c: {one: jobs.of_recording(c, one) for one in ids})

    found, their_jobs = with_kept(work)
    if as_json:
        print_json([found_json(each, their_jobs[each.recording.id]) for each in found])
    else:
        console = Console()
        searched, narrow = filters.query is not None, console.width < _NARROW
        console.print(found_table(found, their_jobs, searched=searched, narrow=narrow))
    return len(found)


async def _found(kept: Kept, filters: Filters, order: Order, limit: int) -> list[Found]:
    items: list[Found] = []
    cursor: str | None = None
    while True:
        page = await kept.library.find(filters, order, cursor, min(MAX_PAGE, limit - len(items)))
        items += page.items
        cursor = page.following
        if cursor is None or len(items) >= limit:
            return items


def _for_each(action: Action, ids: list[str], done: str) -> None:
    """Do it to all that it can be done to; exit code 1 where it could not be done to one."""

    async def work(kept: Kept) -> list[Outcome]:
        return await kept.library.bulk(action, ids)

    outcomes = with_kept(work)
    for outcome in outcomes:
        if isinstance(outcome.error, CareVoiceError):
            explain(outcome.error, f"{outcome.id}: ")
        else:
            typer.echo(f"{outcome.id}: {done}")
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


def _require_terminal() -> None:
    """Exits with 1 where nobody can be asked."""
    if not sys.stdin.isatty():
        give_up("this removes recordings, and there is no terminal on which to ask.", "Say --yes if you are sure.")


def _delete_for_good(ids: list[str], reason: str) -> None:
    async def work(kept: Kept) -> list[tuple[str, Receipt | CareVoiceError]]:
        return [(each, await _deleted(kept, each, reason)) for each in ids]

    results = with_kept(work)
    for recording_id, result in results:
        if isinstance(result, CareVoiceError):
            explain(result, f"{recording_id}: ")
        else:
            typer.echo(f"{recording_id}: deleted, receipt {result.id}")
    if any(isinstance(result, CareVoiceError) for _, result in results):
        raise typer.Exit(1)


async def _deleted(kept: Kept, recording_id: str, reason: str) -> Receipt | CareVoiceError:
    deletion = Deletion(kept.db, kept.audio)
    try:
        receipt = await deletion.delete(recording_id, who=CLIENT, reason=reason)
        await deletion.erase_traces()
    except RequestError as error:
        return error
    assert receipt is not None
    return receipt


async def _retried(kept: Kept, recording_id: str) -> list[Job] | CareVoiceError:
    def work(connection: Connection) -> list[Job]:
        recordings.get(connection, recording_id)
        ended = [job for job in jobs.of_recording(connection, recording_id) if job.state in _CAN_BE_RETRIED]
        return [jobs.retry(connection, job.id) for job in ended]

    try:
        return await kept.db.awrite(work)
    except RequestError as error:
        return error


_CAN_BE_RETRIED = (JobState.FAILED, JobState.CANCELLED)


def _counted(ids: list[str]) -> str:
    return "this recording" if len(ids) == 1 else f"these {len(ids)} recordings"
