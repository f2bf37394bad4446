"""Deletion for good, on both databases: rows, sound and traces are gone, and a receipt says so."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from care_voice.domain.jobs import JobKind, LeaseRules
from care_voice.domain.library import Filters
from care_voice.domain.store_errors import AudioUnavailable, LegalHold, UnknownReceipt, UnknownRecording
from care_voice.service.deletion import Deletion
from care_voice.service.library import Library
from care_voice.store import deletion, idempotency, jobs, recordings, retention
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from care_voice.store.erasure import erase_traces
from support.kept import SECRET, everything, make_recording, put


@pytest.fixture
def audio(tmp_path: Path) -> DirectoryAudio:
    return DirectoryAudio(tmp_path / "recordings", tmp_path / "scratch")


@pytest.fixture
def removal(database: Database, audio: DirectoryAudio) -> Deletion:
    return Deletion(database, audio)


class UnreachableAudio(DirectoryAudio):
    """A storage that cannot delete."""

    def delete(self, keys: Any) -> None:  # noqa: ARG002 - none is deleted
        raise AudioUnavailable(why="the cable was pulled")


def without_receipts(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {table: rows for table, rows in everything(database).items() if table != "receipts"}


async def test_nothing_of_it_is_left_in_any_table_or_in_the_storage(
    database: Database, audio: DirectoryAudio, removal: Deletion, tmp_path: Path
) -> None:
    kept = make_recording(database, audio, tmp_path, text="what stays")
    before, objects = without_receipts(database), sorted(audio.keys())
    made = make_recording(database, audio, tmp_path)
    _tell_somebody(database, made.id)

    await removal.delete(made.id, who="ann", reason="asked for")

    left = {**without_receipts(database), "webhooks": []}
    assert left == {**before, "webhooks": []}
    assert made.id not in json.dumps(left)
    assert sorted(audio.keys()) == objects
    assert database.read(partial(recordings.get, recording_id=kept.id)).id == kept.id


def _tell_somebody(database: Database, recording_id: str) -> None:
    def write(connection: Connection) -> None:
        put(connection, "webhooks", id="whk_1", url="https://x", secret="s", events_json="[]", created_at=0.0)
        put(
            connection, "deliveries", id="dlv_1", webhook_id="whk_1", event="job.done", state="queued", not_before=0.0,
            payload=json.dumps({"recording_id": recording_id, "text": SECRET}), created_at=0.0,
        )  # fmt: skip
        [job] = jobs.of_recording(connection, recording_id)
        idempotency.once(connection, "ann", "again, for Mr Lee", {"model": "base"}, lambda: job.id)

    database.write(write)


async def test_the_receipt_has_counts_sizes_and_digests_and_no_words(
    database: Database, audio: DirectoryAudio, removal: Deletion, tmp_path: Path
) -> None:
    made = make_recording(database, audio, tmp_path)
    recording = database.read(partial(recordings.get, recording_id=made.id))

    receipt = await removal.delete(made.id, who="ann", reason="asked for")

    assert receipt is not None
    assert (receipt.recording_id, receipt.who, receipt.reason) == (made.id, "ann", "asked for")
    assert receipt.audio_gone_at is not None
    assert receipt.audio_gone_at >= receipt.at
    deleted = receipt.deleted
    assert (deleted.audio_bytes, deleted.derived_bytes) == (len(made.sound), len(made.playback))
    assert deleted.sha256 == recording.sha256
    assert set(deleted.derived) == {"playback"}
    assert deleted.rows == {
        "parts": 1, "assets": 1, "tags": 1, "events": 4, "jobs": 1, "windows": 1, "transcripts": 1, "segments": 1,
        "edits": 1,
    }  # fmt: skip
    assert SECRET.split()[0] not in json.dumps(everything(database)["receipts"], ensure_ascii=False)
    assert database.read(partial(deletion.receipt, receipt_id=receipt.id)) == receipt
    assert database.read(deletion.receipts) == [receipt]


async def test_a_hold_refuses_it_and_nothing_has_changed(
    database: Database, audio: DirectoryAudio, removal: Deletion, tmp_path: Path
) -> None:
    made = make_recording(database, audio, tmp_path)
    database.write(partial(retention.set_hold, recording_id=made.id, reason="case 7"))
    before = everything(database)

    with pytest.raises(LegalHold, match="case 7"):
        await removal.delete(made.id, who="ann", reason="asked for")

    assert everything(database) == before
    assert len(list(audio.keys())) == 2
    database.write(partial(retention.set_hold, recording_id=made.id, reason=None))
    assert await removal.delete(made.id, who="ann", reason="asked for") is not None


async def test_what_is_not_there_cannot_be_deleted(removal: Deletion, database: Database) -> None:
    with pytest.raises(UnknownRecording):
        await removal.delete("rec_none", who="ann", reason="asked for")
    with pytest.raises(UnknownReceipt):
        database.read(partial(deletion.receipt, receipt_id="rcp_none"))


async def test_a_storage_that_cannot_delete_is_asked_again_until_the_receipt_is_complete(
    database: Database, audio: DirectoryAudio, tmp_path: Path
) -> None:
    made = make_recording(database, audio, tmp_path)

    receipt = await Deletion(database, UnreachableAudio(tmp_path / "recordings")).delete(
        made.id, who="ann", reason="asked for"
    )

    assert receipt is not None
    assert receipt.audio_gone_at is None
    with pytest.raises(UnknownRecording):
        database.read(partial(recordings.get, recording_id=made.id, trashed=True))
    with pytest.raises(AudioUnavailable):
        await Deletion(database, UnreachableAudio(tmp_path / "recordings")).settle()
    assert await Deletion(database, audio).settle() == 1
    assert await Deletion(database, audio).settle() == 0
    assert list(audio.keys()) == []
    assert database.read(partial(deletion.receipt, receipt_id=receipt.id)).audio_gone_at is not None


async def test_objects_that_no_row_named_go_too(
    database: Database, audio: DirectoryAudio, removal: Deletion, tmp_path: Path
) -> None:
    made = make_recording(database, audio, tmp_path)
    with audio.writer(made.id, 0, 2) as writer:
        writer.write(b"synced, and cut off before the commit")
        writer.sync()

    await removal.delete(made.id, who="ann", reason="asked for")

    assert list(audio.keys()) == []


async def test_of_two_who_delete_at_once_one_gets_the_receipt(
    database: Database, audio: DirectoryAudio, removal: Deletion, tmp_path: Path
) -> None:
    made = make_recording(database, audio, tmp_path)

    answers = await asyncio.gather(
        *(removal.delete(made.id, who=who, reason="asked for") for who in ("ann", "ben")), return_exceptions=True
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["Receipt", "UnknownRecording"]
    assert len(database.read(deletion.receipts)) == 1


async def test_a_worker_that_comes_late_finds_its_lease_gone(
    database: Database, audio: DirectoryAudio, removal: Deletion, tmp_path: Path
) -> None:
    made = make_recording(database, audio, tmp_path)
    [job] = database.read(partial(jobs.of_recording, recording_id=made.id))

    await removal.delete(made.id, who="ann", reason="asked for")

    with pytest.raises(Exception, match="Another node works on this job"):
        database.write(partial(jobs.renew, lease=job.lease, rules=LeaseRules()))
    assert database.write(lambda c: jobs.claim(c, "node", LeaseRules(), [JobKind.TRANSCRIBE])) is None


def files_with(folder: Path, needles: list[bytes]) -> Iterator[str]:
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            yield from (f"{path.name}: {needle!r}" for needle in needles if needle in content)


async def test_not_a_word_and_not_a_byte_is_left_in_the_files_of_sqlite(
    sqlite_database: Database, tmp_path: Path
) -> None:
    audio = DirectoryAudio(tmp_path / "recordings")
    kept = [make_recording(sqlite_database, audio, tmp_path, text=f"what stays {n} " * 40).id for n in range(20)]
    made = make_recording(sqlite_database, audio, tmp_path, text=f"{SECRET} " * 400)
    words = [each.encode() for each in SECRET.split()]
    pieces = [made.sound[at : at + 64] for at in range(0, len(made.sound) - 64, 4096)]
    needles = [*words, *pieces, made.playback[:64]]
    removal = Deletion(sqlite_database, audio)
    assert {name.split(":")[0] for name in files_with(tmp_path, words)} >= {"care-voice.db-wal"}
    assert sqlite_database.truncate_log()
    assert {name.split(":")[0] for name in files_with(tmp_path, words)} == {"care-voice.db"}

    await removal.delete(made.id, who="ann", reason="asked for")
    assert await removal.leaves_traces()
    assert await removal.erase_traces()

    assert list(files_with(tmp_path, needles)) == []
    assert not await removal.leaves_traces()
    await Deletion(sqlite_database, audio).delete(kept[0], who="ann", reason="by another process")
    assert await removal.leaves_traces()


async def test_words_go_from_the_search_index_only_when_it_is_merged(sqlite_database: Database, tmp_path: Path) -> None:
    audio, rare = DirectoryAudio(tmp_path / "recordings"), b"zygomorphic"
    for number in range(10):
        make_recording(sqlite_database, audio, tmp_path, text=f"什麼都在 {number}")
    made = make_recording(sqlite_database, audio, tmp_path)
    sqlite_database.write(partial(deletion.delete_for_good, recording_id=made.id, who="ann", reason=""))
    assert sqlite_database.truncate_log()
    assert list(files_with(tmp_path, [rare]))

    assert erase_traces(sqlite_database)

    assert list(files_with(tmp_path, [rare])) == []
    assert (await Library(sqlite_database).count(Filters(query="都在"))).count == 10


async def test_a_reader_of_an_old_state_delays_it(sqlite_database: Database, tmp_path: Path) -> None:
    audio = DirectoryAudio(tmp_path / "recordings")
    made = make_recording(sqlite_database, audio, tmp_path)
    removal = Deletion(sqlite_database, audio)

    def read(connection: Connection) -> bool:
        connection.one("count_recordings")
        asyncio.run(removal.delete(made.id, who="ann", reason="asked for"))
        return asyncio.run(removal.erase_traces())

    assert await asyncio.to_thread(sqlite_database.read, read) is False
    assert await removal.leaves_traces()
    assert await removal.erase_traces()
