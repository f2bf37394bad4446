"""Intake over storage that fails: S3 that answers with errors, a locked database, power that goes at any moment."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from care_voice.domain.checksums import Checksum
from care_voice.domain.recordings import Part
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import AudioUnavailable, ChecksumMismatch, StoreBusy
from care_voice.store import recordings
from care_voice.store.audio import PartWriter
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.audio_s3 import S3Audio
from care_voice.store.database import Database
from care_voice.store.migrate import migrate
from care_voice.store.sqlite import SqliteDatabase
from support.power import LosingDisk, kept_by_chance, nothing_kept
from support.s3 import FaultyS3, S3Server, refused
from support.uploads import Cut, an_upload, cut_after, given, held, intake_over, row

MIB = 1 << 20
SOUND = random.Random(11).randbytes(3_000_000)


async def test_a_recording_is_received_into_s3(sqlite_database: Database, s3_audio: S3Audio) -> None:
    intake = intake_over(sqlite_database, s3_audio, sync_bytes=1_000_000)
    begun = await intake.create(an_upload(length=len(SOUND)))

    with pytest.raises(Cut):
        await intake.append(begun.id, 0, cut_after(SOUND[:1_500_000]))
    with pytest.raises(ChecksumMismatch):
        await intake.append(begun.id, 1_500_000, given(SOUND[1_500_000:]), checksum=Checksum("md5", bytes(16)))
    recording = await intake.append(begun.id, 1_500_000, given(SOUND[1_500_000:]))

    assert recording.complete
    assert held(sqlite_database, s3_audio, begun.id) == SOUND
    named = {part.key for part in parts_of(sqlite_database, begun.id)}
    assert {each.key for each in s3_audio.keys("")} == named
    intake.close()


async def test_s3_that_fails_in_the_middle_costs_nothing_that_was_acknowledged(
    sqlite_database: Database, s3_server: S3Server, s3_bucket: str, faulty_s3: FaultyS3, tmp_path: Path
) -> None:
    audio = S3Audio(s3_server.settings(s3_bucket, faulty_s3.url), tmp_path / "scratch")
    intake = intake_over(sqlite_database, audio)
    begun = await intake.create(an_upload(length=len(SOUND)))
    await intake.append(begun.id, 0, given(SOUND[:1_000_000]))

    faulty_s3.then = refused(500)
    with pytest.raises(AudioUnavailable):
        await intake.append(begun.id, 1_000_000, given(SOUND[1_000_000:]))
    assert row(sqlite_database, begun.id).received == 1_000_000
    faulty_s3.then = None

    assert (await intake.append(begun.id, 1_000_000, given(SOUND[1_000_000:]))).complete
    assert held(sqlite_database, audio, begun.id) == SOUND
    intake.close()


async def test_behind_bytes_that_could_not_be_written_none_are_kept(sqlite_database: Database, tmp_path: Path) -> None:
    audio = StumblingAudio(tmp_path / "recordings")
    intake = intake_over(sqlite_database, audio)
    begun = await intake.create(an_upload(length=len(SOUND)))

    with pytest.raises(Cut):
        await intake.append(begun.id, 0, cut_after(SOUND[:MIB], SOUND[MIB : 2 * MIB], SOUND[2 * MIB : 2 * MIB + 100]))

    assert audio.stumbled
    assert held(sqlite_database, audio, begun.id) == SOUND[:MIB]
    intake.close()


class StumblingAudio(DirectoryAudio):
    """Its second write finds no room, all others do."""

    stumbled = False

    def writer(self, recording_id: str, start: int, appender: int) -> PartWriter:
        opened = super().writer(recording_id, start, appender)
        write, calls = opened.write, count(1)

        def stumbling(data: bytes | bytearray | memoryview) -> None:
            if next(calls) == 2:
                self.stumbled = True
                raise StorageFull
            write(data)

        opened.write = stumbling  # type: ignore[method-assign]
        return opened


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "care-voice.db", busy_timeout_s=0.05)
    migrate(database, after=True)
    yield database
    database.close()


async def test_a_locked_database_acknowledges_nothing_and_the_upload_goes_on(
    impatient: SqliteDatabase, tmp_path: Path
) -> None:
    audio = DirectoryAudio(tmp_path / "recordings")
    intake = intake_over(impatient, audio)
    begun = await intake.create(an_upload(length=300))
    other = sqlite3.connect(tmp_path / "care-voice.db", isolation_level=None)

    async def locked_on_the_way() -> AsyncIterator[bytes]:
        yield SOUND[:100]
        other.execute("BEGIN IMMEDIATE")

    with closing(other):
        with pytest.raises(StoreBusy):
            await intake.append(begun.id, 0, locked_on_the_way())
        other.execute("ROLLBACK")

    where = row(impatient, begun.id).received
    assert held(impatient, audio, begun.id) == SOUND[:where]
    assert (await intake.append(begun.id, where, given(SOUND[where:300]))).complete
    assert held(impatient, audio, begun.id) == SOUND[:300]
    intake.close()


async def test_what_was_acknowledged_outlives_a_loss_of_power(sqlite_database: Database, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    disk = LosingDisk(tmp_path / "disk")
    audio = DirectoryAudio(tmp_path / "disk" / "data" / "recordings", disk=disk)
    intake = intake_over(sqlite_database, audio, sync_bytes=1)
    promised: list[tuple[int, Sequence[Part], bytes]] = []
    sound = SOUND[:500]
    begun = await intake.create(an_upload(length=len(sound)))
    for start in range(0, len(sound), 100):
        await intake.append(begun.id, start, given(sound[start : start + 100]))
        promised.append((disk.moments, parts_of(sqlite_database, begun.id), sound[: start + 100]))

    for tried, moment in enumerate(range(promised[0][0], disk.moments + 1)):
        left = tmp_path / f"left-{tried}"
        disk.survivors(moment, left, nothing_kept if tried % 2 else kept_by_chance(tried))
        _, parts, content = next(each for each in reversed(promised) if each[0] <= moment)
        assert b"".join(DirectoryAudio(left / "data" / "recordings").read(parts)) == content
    intake.close()


def parts_of(database: Database, recording_id: str) -> list[Part]:
    return database.read(lambda connection: recordings.parts(connection, recording_id))
