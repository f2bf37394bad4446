"""Bytes are appended by offset on real databases and a real disk: what is acknowledged is there, and nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from care_voice.domain.checksums import Checksum
from care_voice.domain.errors import InvalidParameter
from care_voice.domain.recordings import Part, Wish
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import (
    AppendConflict,
    ChecksumMismatch,
    IdempotencyMismatch,
    LegalHold,
    OffsetConflict,
    QuotaExceeded,
    RecordingComplete,
    RecordingIncomplete,
    RecordingTooLarge,
    UnknownRecording,
    UploadExpired,
    UploadStalled,
)
from care_voice.service.intake import Intake
from care_voice.store import doomed, events, jobs, recordings
from care_voice.store.audio import PartWriter
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Database
from support.uploads import Cut, Tap, an_upload, cut_after, given, held, intake_over, row
from support.waiting import until

SOUND = random.Random(5).randbytes(300)


@pytest.fixture
def audio(tmp_path: Path) -> DirectoryAudio:
    return DirectoryAudio(tmp_path / "recordings")


@pytest.fixture
def intake(database: Database, audio: DirectoryAudio) -> Iterator[Intake]:
    made = intake_over(database, audio)
    yield made
    made.close()


def sha256_of(data: bytes) -> Checksum:
    return Checksum("sha256", hashlib.sha256(data).digest())


def queued(database: Database, recording_id: str) -> list[tuple[str, int]]:
    found = database.read(lambda connection: jobs.of_recording(connection, recording_id))
    return sorted(((job.kind.value, job.priority) for job in found), key=lambda each: each[1])


def stored(audio: DirectoryAudio) -> set[str]:
    return {each.key for each in audio.keys("")}


def parts_of(database: Database, recording_id: str) -> list[Part]:
    return database.read(lambda connection: recordings.parts(connection, recording_id))


def told(database: Database, recording_id: str) -> list[str]:
    return [event.kind for event in database.read(lambda connection: events.after(connection, recording_id, 0))]


async def test_a_whole_upload_is_complete_with_its_jobs_and_events(
    intake: Intake, database: Database, audio: DirectoryAudio
) -> None:
    new = an_upload(length=len(SOUND), filename="visit.webm", title="家訪", tags=("home",), wish=Wish(model="base"))
    begun = await intake.create(new)

    recording = await intake.append(begun.id, 0, given(SOUND[:100], SOUND[100:]))

    assert (recording.state, recording.received, recording.expires_at) == ("complete", 300, None)
    assert (recording.title, recording.tags, recording.wish.model) == ("家訪", ("home",), "base")
    assert held(database, audio, begun.id) == SOUND
    assert queued(database, begun.id) == [("transcribe", 1), ("derive", 3)]
    assert told(database, begun.id) == ["recording.created", "recording.completed", "job.queued", "job.queued"]


async def test_what_is_not_to_be_transcribed_is_not(intake: Intake, database: Database) -> None:
    begun = await intake.create(an_upload(length=1, wish=Wish(transcribe=False)))

    await intake.append(begun.id, 0, given(b"x"))

    assert queued(database, begun.id) == [("derive", 3)]


async def test_bulk_work_waits_for_others(intake: Intake, database: Database) -> None:
    begun = await intake.create(an_upload(length=1, wish=Wish(bulk=True)))

    await intake.append(begun.id, 0, given(b"x"))

    assert queued(database, begun.id)[0] == ("transcribe", 2)


async def test_an_upload_cut_at_every_offset_keeps_what_came_and_goes_on(
    sqlite_database: Database, audio: DirectoryAudio
) -> None:
    intake, sound = intake_over(sqlite_database, audio), SOUND[:60]
    for offset in range(len(sound) + 1):
        begun = await intake.create(an_upload(length=len(sound)))
        if offset < len(sound):
            with pytest.raises(Cut):
                await intake.append(begun.id, 0, cut_after(sound[:offset]))
            assert (await intake.status(begun.id)).received == offset
            assert held(sqlite_database, audio, begun.id) == sound[:offset]
        recording = await intake.append(begun.id, offset if offset < len(sound) else 0, given(sound[offset:] or sound))
        assert recording.complete
        assert held(sqlite_database, audio, begun.id) == sound
    intake.close()


async def test_a_cut_at_the_last_byte_has_completed_the_recording(
    intake: Intake, database: Database, audio: DirectoryAudio
) -> None:
    begun = await intake.create(an_upload(length=len(SOUND)))

    with pytest.raises(Cut):
        await intake.append(begun.id, 0, cut_after(SOUND))

    assert row(database, begun.id).complete
    assert len(queued(database, begun.id)) == 2


async def test_a_cancelled_request_keeps_what_came(intake: Intake, database: Database, audio: DirectoryAudio) -> None:
    begun, tap = await intake.create(an_upload()), Tap()
    task = asyncio.create_task(intake.append(begun.id, 0, tap.chunks()))
    tap.give(SOUND)
    await until(lambda: tap.empty, "the bytes are taken")

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert held(database, audio, begun.id) == SOUND


class _SlowWriter:
    """A writer whose syncs wait until they are let go."""

    def __init__(self, writer: PartWriter) -> None:
        self._writer = writer
        self._inside = threading.Semaphore(1)
        self.entered, self.let_go, self.shared = threading.Event(), threading.Event(), False

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.__exit__()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._writer.write(data)

    def sync(self) -> list[Part]:
        self.shared |= not self._inside.acquire(blocking=False)
        self.entered.set()
        assert self.let_go.wait(30)
        parts = self._writer.sync()
        self._inside.release()
        return parts


async def test_a_cancellation_during_the_last_sync_lets_no_two_threads_use_the_writer(
    sqlite_database: Database, audio: DirectoryAudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, writers, make = intake_over(sqlite_database, audio), [], audio.writer
    monkeypatch.setattr(audio, "writer", lambda *about: writers.append(_SlowWriter(make(*about))) or writers[-1])
    begun = await intake.create(an_upload(length=len(SOUND)))
    task = asyncio.create_task(intake.append(begun.id, 0, given(SOUND)))
    await until(lambda: writers and writers[0].entered.is_set(), "it is made durable")

    task.cancel()
    for _ in range(20):  # a second sync would begin at once
        await asyncio.to_thread(lambda: None)
    writers[0].let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not writers[0].shared
    assert row(sqlite_database, begun.id).complete
    intake.close()


async def test_bytes_at_another_offset_are_refused_with_the_right_one(intake: Intake) -> None:
    begun = await intake.create(an_upload(length=300))
    await intake.append(begun.id, 0, given(SOUND[:100]))

    for offset in (0, 99, 101, 10**17):
        with pytest.raises(OffsetConflict) as refused:
            await intake.append(begun.id, offset, given(b"x"))
        assert refused.value.fields == {"received": 100, "offset": offset}

    assert (await intake.append(begun.id, 100, given(SOUND[100:]))).complete


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_a_right_checksum_lets_bytes_in_and_a_wrong_one_none_of_them(
    intake: Intake, database: Database, audio: DirectoryAudio, algorithm: str
) -> None:
    begun = await intake.create(an_upload(length=300))
    await intake.append(begun.id, 0, given(SOUND[:100]))
    right = Checksum(algorithm, hashlib.new(algorithm, SOUND[100:]).digest())

    with pytest.raises(ChecksumMismatch):
        await intake.append(begun.id, 100, given(SOUND[100:299], b"?"), checksum=right)
    assert held(database, audio, begun.id) == SOUND[:100]
    assert not row(database, begun.id).complete

    assert (await intake.append(begun.id, 100, given(SOUND[100:]), checksum=right)).complete
    assert held(database, audio, begun.id) == SOUND


async def test_a_cut_request_with_a_checksum_keeps_nothing_of_its_bytes(
    intake: Intake, database: Database, audio: DirectoryAudio
) -> None:
    begun = await intake.create(an_upload(length=300))

    with pytest.raises(Cut):
        await intake.append(begun.id, 0, cut_after(SOUND[:100]), checksum=sha256_of(SOUND))

    assert row(database, begun.id).received == 0
    assert stored(audio) == set()


async def test_whoever_appends_takes_over_and_no_byte_is_mixed(
    intake: Intake, database: Database, audio: DirectoryAudio
) -> None:
    begun, slow = await intake.create(an_upload(length=300)), Tap()
    old = asyncio.create_task(intake.append(begun.id, 0, slow.chunks()))
    slow.give(b"o" * 300)
    await until(lambda: row(database, begun.id).appender == 1 and slow.empty, "the old one sends")

    new = await intake.append(begun.id, 0, given(SOUND))
    slow.end()
    with pytest.raises(AppendConflict):
        await old

    assert new.complete
    assert held(database, audio, begun.id) == SOUND
    orphans = set(database.read(doomed.due))
    assert stored(audio) - orphans == {part.key for part in parts_of(database, begun.id)}


async def test_the_old_one_is_refused_as_soon_as_another_has_begun(
    intake: Intake, database: Database, audio: DirectoryAudio
) -> None:
    begun, slow, slower = await intake.create(an_upload(length=300)), Tap(), Tap()
    old = asyncio.create_task(intake.append(begun.id, 0, slow.chunks()))
    await until(lambda: row(database, begun.id).appender == 1, "the old one has begun")
    new = asyncio.create_task(intake.append(begun.id, 0, slower.chunks()))
    await until(lambda: row(database, begun.id).appender == 2, "the new one has begun")

    slow.give(b"o" * 300)
    slow.end()
    with pytest.raises(AppendConflict):
        await old
    slower.give(SOUND)
    slower.end()

    assert (await new).complete
    assert held(database, audio, begun.id) == SOUND


async def test_what_the_old_one_had_acknowledged_stays_when_another_takes_over(
    database: Database, audio: DirectoryAudio
) -> None:
    intake, slow = intake_over(database, audio, sync_bytes=1, sync_s=0.02), Tap()
    begun = await intake.create(an_upload(length=300))
    old = asyncio.create_task(intake.append(begun.id, 0, slow.chunks()))
    slow.give(SOUND[:100])
    await until(lambda: row(database, begun.id).received == 100, "the first bytes are acknowledged")

    assert (await intake.append(begun.id, 100, given(SOUND[100:]))).complete
    slow.give(b"late")
    with pytest.raises(AppendConflict):
        await old

    assert held(database, audio, begun.id) == SOUND
    assert not set(database.read(doomed.due)) & {part.key for part in parts_of(database, begun.id)}
    intake.close()


async def test_bytes_that_come_slowly_are_acknowledged_before_the_request_ends(
    sqlite_database: Database, audio: DirectoryAudio
) -> None:
    intake, tap = intake_over(sqlite_database, audio, sync_s=0.02), Tap()
    begun = await intake.create(an_upload())
    task = asyncio.create_task(intake.append(begun.id, 0, tap.chunks()))

    for end in (10, 20, 30):
        tap.give(SOUND[end - 10 : end])
        await until(lambda end=end: row(sqlite_database, begun.id).received == end, f"{end} bytes are acknowledged")
        assert held(sqlite_database, audio, begun.id) == SOUND[:end]

    tap.end()
    assert (await task).received == 30
    intake.close()


async def test_a_client_that_says_nothing_is_ended_and_what_came_is_kept(
    sqlite_database: Database, audio: DirectoryAudio
) -> None:
    intake, tap = intake_over(sqlite_database, audio, sync_s=0.02, stall_s=0.2), Tap()
    begun = await intake.create(an_upload())
    tap.give(SOUND)

    with pytest.raises(UploadStalled):
        await intake.append(begun.id, 0, tap.chunks())

    assert held(sqlite_database, audio, begun.id) == SOUND
    intake.close()


async def test_a_live_recording_grows_and_is_ended(intake: Intake, database: Database, audio: DirectoryAudio) -> None:
    begun = await intake.create(an_upload(source="live"))
    for start in range(0, 300, 100):
        recording = await intake.append(begun.id, start, given(SOUND[start : start + 100]))
        assert (recording.state, recording.length) == ("receiving", None)

    ended = await intake.complete(begun.id)

    assert (ended.state, ended.length, ended.received) == ("complete", 300, 300)
    assert (await intake.complete(begun.id)).version == ended.version
    assert len(queued(database, begun.id)) == 2
    assert held(database, audio, begun.id) == SOUND


async def test_a_length_that_is_told_later_completes_it(intake: Intake, database: Database) -> None:
    begun = await intake.create(an_upload())
    await intake.append(begun.id, 0, given(SOUND[:200]))

    with pytest.raises(InvalidParameter):
        await intake.append(begun.id, 200, given(b""), length=199)
    assert not (await intake.append(begun.id, 200, given(b""), length=300)).complete
    with pytest.raises(InvalidParameter):
        await intake.append(begun.id, 200, given(b""), length=301)
    with pytest.raises(RecordingIncomplete):
        await intake.complete(begun.id)
    assert (await intake.append(begun.id, 200, given(SOUND[200:]), length=300)).complete


async def test_a_length_that_is_reached_already_completes_it(intake: Intake) -> None:
    begun = await intake.create(an_upload())
    await intake.append(begun.id, 0, given(SOUND))

    assert (await intake.append(begun.id, 300, given(), length=300)).complete


async def test_an_empty_recording_is_complete_at_once(intake: Intake, database: Database) -> None:
    assert (await intake.create(an_upload(length=0))).complete


async def test_more_bytes_than_announced_are_refused(intake: Intake, database: Database) -> None:
    begun = await intake.create(an_upload(length=100))

    with pytest.raises(InvalidParameter):
        await intake.append(begun.id, 0, given(SOUND))

    assert not row(database, begun.id).complete


async def test_nothing_is_appended_to_what_is_complete_or_gone(intake: Intake) -> None:
    begun = await intake.create(an_upload(length=3))
    await intake.append(begun.id, 0, given(b"abc"))

    with pytest.raises(RecordingComplete):
        await intake.append(begun.id, 3, given(b"d"))
    with pytest.raises(RecordingComplete):
        await intake.terminate(begun.id)
    for work in (intake.append("rec_none", 0, given(b"d")), intake.complete("rec_none"), intake.status("rec_none")):
        with pytest.raises(UnknownRecording):
            await work


async def test_a_terminated_upload_leaves_nothing(intake: Intake, database: Database, audio: DirectoryAudio) -> None:
    new = an_upload(length=300, idempotency_key="k")
    begun = await intake.create(new)
    await intake.append(begun.id, 0, given(SOUND[:100]))

    await intake.terminate(begun.id)

    with pytest.raises(UnknownRecording):
        await intake.status(begun.id)
    assert stored(audio) == set(database.read(doomed.due))
    assert (await intake.create(new)).id != begun.id


async def test_an_upload_under_a_legal_hold_is_not_terminated(intake: Intake, database: Database) -> None:
    begun = await intake.create(an_upload(length=300))
    database.write(lambda c: c.script(f"UPDATE recordings SET legal_hold = 1 WHERE id = '{begun.id}'"))

    with pytest.raises(LegalHold):
        await intake.terminate(begun.id)


async def test_one_that_is_deleted_while_bytes_come_takes_none(
    intake: Intake, database: Database, audio: DirectoryAudio
) -> None:
    begun, tap = await intake.create(an_upload()), Tap()
    task = asyncio.create_task(intake.append(begun.id, 0, tap.chunks()))
    tap.give(SOUND)
    await until(lambda: tap.empty, "the bytes are taken")

    await intake.terminate(begun.id)
    tap.end()
    with pytest.raises(UnknownRecording):
        await task

    assert stored(audio) == set(database.read(doomed.due))


async def test_one_in_the_trash_goes_on(intake: Intake, database: Database, audio: DirectoryAudio) -> None:
    begun = await intake.create(an_upload(length=300))
    database.write(lambda c: c.script(f"UPDATE recordings SET trashed_at = 1 WHERE id = '{begun.id}'"))

    assert (await intake.append(begun.id, 0, given(SOUND))).complete


async def test_too_large_is_refused_when_it_is_said_and_when_it_comes(
    sqlite_database: Database, audio: DirectoryAudio
) -> None:
    intake = intake_over(sqlite_database, audio, max_recording_bytes=299)

    with pytest.raises(RecordingTooLarge):
        await intake.create(an_upload(length=300))
    with pytest.raises(RecordingTooLarge):
        await intake.create(an_upload(), 300)
    begun = await intake.create(an_upload())
    await intake.append(begun.id, 0, given(SOUND[:200]))
    with pytest.raises(RecordingTooLarge):
        await intake.append(begun.id, 200, given(b""), length=300)
    with pytest.raises(RecordingTooLarge):
        await intake.append(begun.id, 200, given(SOUND[200:]))

    assert row(sqlite_database, begun.id).received == 200
    intake.close()


async def test_quotas_of_a_client_and_of_all(database: Database, audio: DirectoryAudio) -> None:
    intake = intake_over(database, audio, max_client_bytes=500, max_total_bytes=700)
    begun = await intake.create(an_upload(length=300))
    await intake.append(begun.id, 0, given(SOUND))

    with pytest.raises(QuotaExceeded, match="one client"):
        await intake.create(an_upload(length=201))
    live = await intake.create(an_upload())
    with pytest.raises(QuotaExceeded, match="one client"):
        await intake.append(live.id, 0, given(SOUND))
    with pytest.raises(QuotaExceeded, match="one client"):
        await intake.append(live.id, 0, given(b""), length=201)
    await intake.create(an_upload(length=400, client="another"))
    with pytest.raises(QuotaExceeded, match="all recordings"):
        await intake.append(live.id, 0, given(b"x"))

    assert row(database, live.id).received == 0
    intake.close()


async def test_announced_bytes_count_at_once(database: Database, audio: DirectoryAudio) -> None:
    intake = intake_over(database, audio, max_client_bytes=500)
    await intake.create(an_upload(length=300))

    with pytest.raises(QuotaExceeded):
        await intake.create(an_upload(length=201))
    assert (await intake.create(an_upload(length=200))).length == 200
    intake.close()


async def test_room_is_left_on_the_disk(sqlite_database: Database, tmp_path: Path) -> None:
    audio = RoomyAudio(tmp_path / "recordings")
    intake = intake_over(sqlite_database, audio, keep_free_bytes=1000)
    audio.free = 1299
    with pytest.raises(StorageFull):
        await intake.create(an_upload(length=300))
    begun = await intake.create(an_upload(length=299))

    audio.free = 1100
    with pytest.raises(StorageFull):
        await intake.append(begun.id, 0, given(SOUND[:299]))
    audio.free = 1300
    assert (await intake.append(begun.id, 0, given(SOUND[:299]))).complete
    intake.close()


class RoomyAudio(DirectoryAudio):
    """On a disk with as much room as the test says."""

    free = 0

    def free_bytes(self) -> int | None:
        return self.free


async def test_the_same_request_with_the_same_key_finds_its_recording(intake: Intake) -> None:
    first = await intake.create(an_upload(length=300, title="a", idempotency_key="k"))

    again = await intake.create(an_upload(length=300, title="a", idempotency_key="k"))
    others = await intake.create(an_upload(length=300, title="a", idempotency_key="k", client="another"))

    assert again.id == first.id
    assert others.id != first.id
    with pytest.raises(IdempotencyMismatch):
        await intake.create(an_upload(length=300, title="b", idempotency_key="k"))


async def test_a_form_is_settled_once(intake: Intake, database: Database, audio: DirectoryAudio) -> None:
    ids = []
    for _ in range(2):
        begun = await intake.create(an_upload(source="form"))
        await intake.append(begun.id, 0, given(SOUND))
        new = an_upload(source="form", title="later", tags=("x",), idempotency_key="k")
        ids.append((await intake.settle(begun.id, new, "digest")).id)
        last = begun.id

    settled = row(database, ids[0])
    assert ids == [settled.id, settled.id]
    assert (settled.title, settled.tags, settled.complete) == ("later", ("x",), True)
    with pytest.raises(UnknownRecording):
        row(database, last)


class Clock:
    """A database's clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now


async def test_uploads_that_nobody_goes_on_with_are_given_up(
    open_clocked: Callable[[Callable[[], float]], Database], audio: DirectoryAudio
) -> None:
    clock = Clock()
    database = open_clocked(clock)
    intake = intake_over(database, audio, expire_after_s=100.0)
    live, partial, empty, going = [
        await intake.create(new) for new in (an_upload(), an_upload(length=300), an_upload(), an_upload(length=300))
    ]
    for each in (live, partial):
        await intake.append(each.id, 0, given(SOUND[:100]))
    clock.now += 60
    await intake.append(going.id, 0, given(SOUND[:100]))

    clock.now += 41
    with pytest.raises(UploadExpired):
        await intake.append(partial.id, 100, given(SOUND[100:]))
    with pytest.raises(UploadExpired):
        await intake.status(partial.id)
    assert await intake.expire() == 3
    assert await intake.expire() == 0

    assert row(database, live.id).complete
    assert len(queued(database, live.id)) == 2
    assert row(database, partial.id).trashed_at == clock.now
    assert told(database, partial.id)[-1] == "recording.trashed"
    with pytest.raises(UnknownRecording):
        row(database, empty.id)
    with pytest.raises(UploadExpired):
        await intake.append(partial.id, 100, given(SOUND[100:]))
    assert (await intake.append(going.id, 100, given(SOUND[100:]))).complete
    intake.close()
