"""What an upload changes in the database, each within one transaction of the caller's.

Whoever appends takes the recording over: a number that counts up says who may, and commits of an older one are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace

from care_voice.domain.jobs import JobKind, JobPriority
from care_voice.domain.recordings import Part, Recording
from care_voice.domain.store_errors import (
    AppendConflict,
    LegalHold,
    OffsetConflict,
    RecordingComplete,
    RecordingIncomplete,
    UnknownRecording,
    UploadExpired,
)
from care_voice.store import doomed, events, jobs, recordings, search
from care_voice.store.database import Connection
from care_voice.store.quotas import Quotas
from care_voice.store.recordings import to_json


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to append to a recording, from its `received` bytes on; `expire_s` after the last bytes it expires.

    `quotas` are what its bytes have to fit into where they were not announced.
    """

    recording: Recording
    expire_s: float
    quotas: Quotas = field(default_factory=Quotas)

    @property
    def appender(self) -> int:
        return self.recording.appender


def take_over(connection: Connection, recording_id: str, offset: int, length: int | None, expire_s: float) -> Turn:
    """Begin to append at `offset`; `length` is the recording's, where it was not said before.

    One that lies in the trash goes on: who threw it away may want it back whole.

    Raises:
        UnknownRecording, RecordingComplete, UploadExpired, OffsetConflict: Nothing can be appended there.
    """
    recording = receiving(connection, recording_id)
    if offset != recording.received:
        raise OffsetConflict(received=recording.received, offset=offset)
    length = recording.length if length is None else length
    row = connection.one("take_over_recording", id=recording_id, length=length)
    assert row is not None
    return Turn(replace(recording, appender=int(row["appender"]), length=length), expire_s)


def receiving(connection: Connection, recording_id: str) -> Recording:
    """A recording that bytes can be appended to, locked. Raises UnknownRecording, RecordingComplete, UploadExpired."""
    recording = recordings.lock(connection, recording_id, trashed=True)
    if recording.complete:
        raise RecordingComplete
    require_unexpired(connection, recording)
    return recording


def require_unexpired(connection: Connection, recording: Recording) -> None:
    """Raises UploadExpired."""
    if recording.expires_at is not None and recording.expires_at < connection.now:
        raise UploadExpired


def receive(connection: Connection, turn: Turn, expected: int, parts: Sequence[Part]) -> Recording:
    """Acknowledge what is durable in `parts`, after `expected` bytes; the recording is complete where it was the rest.

    Raises:
        AppendConflict: Another one has taken over, or the recording was ended meanwhile.
        UnknownRecording: It was deleted meanwhile.
        QuotaExceeded: Others have taken the room meanwhile.
    """
    recording_id = turn.recording.id
    received = parts[-1].end if parts else expected
    changed = connection.run(
        "receive_bytes", id=recording_id, appender=turn.appender, expected=expected, received=received,
        now=connection.now, expires_at=connection.now + turn.expire_s,
    )  # fmt: skip
    if not changed:
        recordings.get(connection, recording_id, trashed=True)
        raise AppendConflict
    if turn.recording.length is None and received > expected:
        turn.quotas.require_kept(connection, turn.recording.client)
    recordings.put_parts(connection, recording_id, parts)
    if received == turn.recording.length:
        end(connection, recording_id)
    return recordings.get(connection, recording_id, trashed=True)


def complete(connection: Connection, recording_id: str) -> Recording:
    """There is no more to come of a recording whose length was not known; one that is complete stays as it is.

    Raises:
        UnknownRecording: There is none.
        RecordingIncomplete: A length was announced, and not all of it has come.
    """
    recording = recordings.lock(connection, recording_id, trashed=True)
    if recording.complete:
        return recording
    if recording.length is not None and recording.received < recording.length:
        raise RecordingIncomplete
    end(connection, recording_id)
    return recordings.get(connection, recording_id, trashed=True)


def end(connection: Connection, recording_id: str) -> None:
    """All bytes are here: what was wished for is queued in the same transaction."""
    connection.run("complete_recording", id=recording_id, now=connection.now)
    recording = recordings.get(connection, recording_id, trashed=True)
    wish, client = recording.wish, recording.client
    events.append(connection, recording_id, "recording.completed", {"bytes": recording.received})
    if wish.transcribe:
        priority = JobPriority.BULK if wish.bulk else JobPriority.INTERACTIVE
        jobs.enqueue(
            connection, recording_id, JobKind.TRANSCRIBE, client=client, priority=priority, request=asdict(wish)
        )
    jobs.enqueue(connection, recording_id, JobKind.DERIVE, client=client, priority=JobPriority.DERIVE)


def amend(connection: Connection, recording: Recording) -> None:
    """Write what a client says of its recording, which may come after the sound."""
    connection.run(
        "amend_recording", id=recording.id, filename=recording.filename, media_type=recording.media_type,
        title=recording.title, metadata_json=to_json(recording.metadata), wish_json=to_json(asdict(recording.wish)),
    )  # fmt: skip
    recordings.set_tags(connection, recording.id, recording.tags)
    search.refresh(connection, recording.id)


def terminate(connection: Connection, recording_id: str) -> None:
    """Delete an upload that is not complete; its bytes are deleted after the commit.

    Raises:
        UnknownRecording: There is none.
        RecordingComplete: It is a recording now, which the library deletes.
        LegalHold: It is kept.
    """
    recording = recordings.lock(connection, recording_id, trashed=True)
    if recording.complete:
        raise RecordingComplete
    if recording.legal_hold:
        raise LegalHold(why=recording.hold_reason or "no reason is given")
    doomed.doom(connection, [part.key for part in recordings.parts(connection, recording_id)])
    connection.run("forget_idempotent_results", client=recording.client, id=recording_id)
    connection.run("delete_recording_row", id=recording_id)


def discard(connection: Connection, recording_id: str, parts: Iterable[Part]) -> None:
    """Delete objects that were written and not acknowledged; those that a row names stay, whoever asks."""
    named = {part.key for part in recordings.parts(connection, recording_id)}
    doomed.doom(connection, {part.key for part in parts} - named)


def give_up_expired(connection: Connection, limit: int = 100) -> int:
    """Settle uploads that nobody went on with; how many there were.

    A live recording ends where it was cut off: all of it that was acknowledged is a recording. An upload of which a
    part is missing goes to the trash, and one of which nothing has come is deleted.
    """
    ids = [row["id"] for row in connection.all("expired_uploads", now=connection.now, limit=limit)]
    return sum(_give_up_if_expired(connection, recording_id) for recording_id in ids)


def _give_up_if_expired(connection: Connection, recording_id: str) -> bool:
    """Whether it was still to be given up: another node, or whoever went on with it, may have been faster."""
    try:
        recording = recordings.lock(connection, recording_id)
    except UnknownRecording:
        return False
    if recording.complete or recording.expires_at is None or recording.expires_at >= connection.now:
        return False
    _give_up(connection, recording)
    return True


def _give_up(connection: Connection, recording: Recording) -> None:
    if recording.received and recording.length is None:
        end(connection, recording.id)
    elif recording.received or recording.legal_hold:
        connection.run("give_up_recording", id=recording.id, now=connection.now)
        events.append(connection, recording.id, "recording.trashed", {"why": "upload_expired"})
    else:
        terminate(connection, recording.id)
