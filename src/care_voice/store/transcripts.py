"""Transcripts in the database: versions of a recording's text, their segments, and the history of their edits.

Whoever changes something locks the recording's row first, so that edits of a recording follow one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from care_voice.domain.editing import Draft
from care_voice.domain.edits import Edit, apply_all
from care_voice.domain.history import REDO, UNDO, Change, Entry, Step, in_order, redoable, undoable
from care_voice.domain.ids import new_id
from care_voice.domain.jobs import Job, JobKind, JobState
from care_voice.domain.store_errors import EditConflict, NothingToUndo, TranscriptionFailed, UnknownTranscript
from care_voice.domain.stored import Seen, StoredSegment, StoredTranscript, TranscriptHead, to_store
from care_voice.domain.transcript import Transcript
from care_voice.store import events, jobs, recordings, search, segments
from care_voice.store.database import Connection, Row
from care_voice.store.recordings import to_json


@dataclass(frozen=True, slots=True)
class Edited:
    """What an edit led to: the segments that are new or changed, in order, and the ids of those that are gone."""

    head: TranscriptHead
    changed: tuple[StoredSegment, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """What edits change in a transcript that is at a revision; `kind` is that of their entry."""

    transcript_id: str
    revision: int
    kind: str
    change: Change


def write(connection: Connection, recording_id: str, job: Job, transcript: Transcript, model: str) -> str:
    """A new version, made by a job, which becomes the current one; its id. Earlier versions stay, with their edits.

    Raises:
        UnknownRecording: It was deleted.
    """
    recordings.lock(connection, recording_id, trashed=True)
    transcript_id = new_id("tr", connection.now)
    row = connection.one("next_transcript_number", recording_id=recording_id)
    assert row is not None
    connection.run(
        "insert_transcript", id=transcript_id, recording_id=recording_id, job_id=job.id, number=row["number"],
        model=model, task=transcript.task, language=transcript.language, duration_s=round(transcript.duration, 3),
        now=connection.now,
    )  # fmt: skip
    segments.insert(connection, transcript_id, _numbered(transcript, connection.now))
    _set_current(connection, recording_id, transcript_id)
    about = {"transcript_id": transcript_id, "number": row["number"], "job_id": job.id}
    events.append(connection, recording_id, "transcript.created", about)
    return transcript_id


def versions(connection: Connection, recording_id: str) -> list[TranscriptHead]:
    """Every version, the oldest first. Raises UnknownRecording."""
    recordings.get(connection, recording_id)
    return [_head(row) for row in connection.all("transcripts_of", recording_id=recording_id)]


def head(connection: Connection, recording_id: str, number: int | None) -> TranscriptHead:
    """A version without its segments.

    Raises:
        UnknownRecording: There is none, or it is in the trash.
        UnknownTranscript: It has no such version, or none yet.
        TranscriptionFailed: It has none, and will have none by itself.
    """
    recordings.get(connection, recording_id)
    return _found(connection, recording_id, number)


def read(connection: Connection, recording_id: str, number: int | None) -> StoredTranscript:
    """A version with all its segments. Raises as `head`."""
    found = head(connection, recording_id, number)
    return StoredTranscript(found, tuple(segments.all_of(connection, found.id)))


def steps(connection: Connection, transcript_id: str) -> list[Step]:
    """The history in short, the oldest first."""
    return [Step(**row) for row in connection.all("edit_steps", transcript_id=transcript_id)]


def history(
    connection: Connection, recording_id: str, number: int | None, *, before: int, limit: int
) -> list[Entry]:  # fmt: skip
    """Entries before a revision, the newest first. Raises as `head`."""
    found = head(connection, recording_id, number)
    rows = connection.all("edits_before", transcript_id=found.id, revision=before, limit=limit)
    return [segments.entry(row) for row in rows]


def plan(
    connection: Connection, recording_id: str, number: int | None, edits: Sequence[Edit], *, seen: Seen
) -> Planned:  # fmt: skip
    """What edits would change, without a lock: what takes long is done while others write. Raises as `edit`."""
    found = head(connection, recording_id, number)
    _require_seen(found, seen)
    return _planned(connection, found, edits)


def edit(
    connection: Connection, recording_id: str, number: int | None, edits: Sequence[Edit], *, seen: Seen, who: str,
    planned: Planned | None = None,
) -> Edited:  # fmt: skip
    """Make all edits, as one entry of the history; one that changes nothing makes no entry.

    `planned` are the same edits by `plan`; it is made anew where the transcript is another one by now.

    Raises:
        UnknownRecording, UnknownTranscript: As `head`.
        EditConflict: It is not as the client has seen it.
        EditInvalid: One of them cannot be made; nothing is kept.
    """
    found = _locked(connection, recording_id, number, seen)
    if planned is None or (planned.transcript_id, planned.revision) != (found.id, found.revision):
        planned = _planned(connection, found, edits)
    step = Step(found.revision + 1, planned.kind, None)
    return _enter(connection, found, step, planned.change, who) if planned.change else Edited(found, (), ())


def undo(connection: Connection, recording_id: str, number: int | None, *, seen: Seen, who: str) -> Edited:
    """Take back the last entry that is in effect, whoever made it.

    Raises:
        UnknownRecording, UnknownTranscript, EditConflict: As `edit`.
        NothingToUndo: Nothing is in effect.
    """
    found = _locked(connection, recording_id, number, seen)
    return _take_back(connection, found, undoable(steps(connection, found.id)), UNDO, who)


def redo(connection: Connection, recording_id: str, number: int | None, *, seen: Seen, who: str) -> Edited:
    """Take back the last undo. Raises as `undo`; nothing can be redone once something else was edited."""
    found = _locked(connection, recording_id, number, seen)
    return _take_back(connection, found, redoable(steps(connection, found.id)), REDO, who)


def make_current(connection: Connection, recording_id: str, number: int) -> TranscriptHead:
    """Show another version from now on. Raises UnknownRecording and UnknownTranscript."""
    recordings.lock(connection, recording_id)
    found = _found(connection, recording_id, number)
    if not found.current:
        _set_current(connection, recording_id, found.id)
        about = {"transcript_id": found.id, "transcript": number}
        events.append(connection, recording_id, "recording.changed", about)
    return _found(connection, recording_id, number)


def _numbered(transcript: Transcript, now: float) -> list[StoredSegment]:
    kept = (to_store(each, new_id("seg", now), float(place)) for place, each in enumerate(transcript.segments, 1))
    return [segment for segment in kept if segment is not None]


def _set_current(connection: Connection, recording_id: str, transcript_id: str) -> None:
    connection.run("set_current_transcript", recording_id=recording_id, transcript_id=transcript_id, now=connection.now)
    search.refresh(connection, recording_id)


def _found(connection: Connection, recording_id: str, number: int | None) -> TranscriptHead:
    if number is None:
        row = connection.one("transcript_current", recording_id=recording_id)
    else:
        row = connection.one("transcript_numbered", recording_id=recording_id, number=number)
    if row is None:
        if number is None:
            _require_no_failure(connection, recording_id)
        raise UnknownTranscript(which="none yet" if number is None else f"version {number}")
    return _head(row)


def _require_no_failure(connection: Connection, recording_id: str) -> None:
    """Raises TranscriptionFailed where there is nothing to wait for."""
    job = jobs.latest(connection, [recording_id], JobKind.TRANSCRIBE).get(recording_id)
    if job is not None and job.state is JobState.FAILED:
        raise TranscriptionFailed(**job.failure)


def _locked(connection: Connection, recording_id: str, number: int | None, seen: Seen) -> TranscriptHead:
    recordings.lock(connection, recording_id)
    found = _found(connection, recording_id, number)
    _require_seen(found, seen)
    return found


def _require_seen(found: TranscriptHead, seen: Seen) -> None:
    if not seen.fits(found):
        raise EditConflict(revision=found.revision)


def _planned(connection: Connection, found: TranscriptHead, edits: Sequence[Edit]) -> Planned:
    source = segments.Stored(connection, found.id)
    kind, change = apply_all(edits, Draft(source, found.duration, lambda: new_id("seg", connection.now)))
    return Planned(found.id, found.revision, kind, change)


def _take_back(connection: Connection, found: TranscriptHead, step: Step | None, kind: str, who: str) -> Edited:
    if step is None:
        raise NothingToUndo(what=kind)
    row = connection.one("edit", transcript_id=found.id, revision=step.revision)
    assert row is not None
    change = segments.entry(row).change.inverse
    return _enter(connection, found, Step(found.revision + 1, kind, step.revision), change, who)


def _enter(connection: Connection, found: TranscriptHead, step: Step, change: Change, who: str) -> Edited:
    segments.change(connection, found.id, change)
    connection.run(
        "insert_edit", transcript_id=found.id, revision=step.revision, now=connection.now, who=who, kind=step.kind,
        before_json=to_json(change.before), after_json=to_json(change.after), undoes=step.undoes,
    )  # fmt: skip
    connection.run("set_revision", transcript_id=found.id, revision=step.revision)
    connection.run("note_edit", recording_id=found.recording_id, now=connection.now)
    if found.current and change.says_something_else:
        search.refresh(connection, found.recording_id)
    about = {"transcript_id": found.id, "number": found.number, "revision": step.revision}
    events.append(connection, found.recording_id, "transcript.edited", about)
    there = [segment_id for segment_id, fields in change.after.items() if fields is not None]
    gone = tuple(segment_id for segment_id, fields in change.after.items() if fields is None)
    changed = in_order(segments.some(connection, found.id, there))
    return Edited(replace(found, revision=step.revision), changed, gone)


def _head(row: Row) -> TranscriptHead:
    values = dict(row)
    current = values.pop("current_id") == row["id"]
    return TranscriptHead(duration=values.pop("duration_s"), current=current, **values)
