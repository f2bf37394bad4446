"""Upkeep of the storage of sound, with both databases and both storages."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from care_voice.domain.ids import new_id
from care_voice.domain.recordings import Part, Wish
from care_voice.service.audio_upkeep import AudioUpkeep, AudioUpkeepSettings
from care_voice.store import doomed, named_audio, recordings
from care_voice.store.audio import AudioStore
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.audio_s3 import S3Audio
from care_voice.store.database import Connection, Database
from care_voice.telemetry.metrics import Metrics
from support.s3 import FaultyS3, S3Server, refused
from support.waiting import until

DAY = 86_400.0


class Clock:
    """Seconds that the test sets, from now on."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def audio(database: Database, request: pytest.FixtureRequest, tmp_path: Path) -> AudioStore:
    """Each storage once: a directory beside SQLite, S3 beside PostgreSQL."""
    if database.dialect == "sqlite":
        return DirectoryAudio(tmp_path / "audio", tmp_path / "scratch")
    return request.getfixturevalue("s3_audio")  # type: ignore[no-any-return]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def upkeep(database: Database, audio: AudioStore, metrics: Metrics, clock: Clock) -> AudioUpkeep:
    return AudioUpkeep(database, audio, AudioUpkeepSettings(), metrics, clock)


def keys(audio: AudioStore) -> list[str]:
    return [each.key for each in audio.keys("recordings/")]


def stored(audio: AudioStore, content: bytes) -> tuple[str, list[Part]]:
    """An object of a recording of its own, of which no row knows."""
    recording_id = new_id("rec", 1.7e9)
    with audio.writer(recording_id, 0, 1) as writer:
        writer.write(content)
        return recording_id, writer.sync()


def named(database: Database, audio: AudioStore, content: bytes = b"sound") -> Part:
    """The same, with its rows."""
    recording_id, parts = stored(audio, content)

    def write(connection: Connection) -> None:
        recordings.insert(connection, recording_id, client="test", source="upload", wish=Wish())
        recordings.put_parts(connection, recording_id, parts)

    database.write(write)
    return parts[0]


def doom(database: Database, *keys: str) -> None:
    database.write(lambda connection: doomed.doom(connection, keys))


def due(database: Database) -> list[str]:
    return database.read(doomed.due)


def test_doomed_objects_are_deleted_and_forgotten(upkeep: AudioUpkeep, database: Database, audio: AudioStore) -> None:
    kept = named(database, audio)
    parts = [stored(audio, b"x")[1][0].key for _ in range(101)]
    doom(database, *parts, "recordings/rec_x/never-there")

    assert upkeep.delete_doomed() == 102
    assert (keys(audio), due(database)) == ([kept.key], [])


def test_what_a_row_names_is_never_deleted(upkeep: AudioUpkeep, database: Database, audio: AudioStore) -> None:
    part = named(database, audio)
    doom(database, part.key)

    assert upkeep.delete_doomed() == 0
    assert (keys(audio), due(database)) == ([part.key], [])


def test_what_cannot_be_deleted_now_is_deleted_later(
    database: Database, s3_server: S3Server, s3_bucket: str, faulty_s3: FaultyS3, metrics: Metrics
) -> None:
    audio = S3Audio(s3_server.settings(s3_bucket, faulty_s3.url))
    upkeep = AudioUpkeep(database, audio, AudioUpkeepSettings(), metrics)
    doomed_keys = sorted(stored(audio, b"x")[1][0].key for _ in range(3))
    doom(database, *doomed_keys)
    faulty_s3.then = refused(500)
    assert upkeep.delete_doomed() == 0
    assert sorted(due(database)) == doomed_keys
    faulty_s3.then = None
    assert upkeep.delete_doomed() == 3
    assert (keys(audio), due(database)) == ([], [])


def test_one_object_that_cannot_be_deleted_holds_up_no_other(
    database: Database, tmp_path: Path, metrics: Metrics
) -> None:
    audio = DirectoryAudio(tmp_path / "audio")
    upkeep = AudioUpkeep(database, audio, AudioUpkeepSettings(), metrics)
    stuck = "recordings/rec_a/a-directory"
    (tmp_path / "audio" / stuck / "full").mkdir(parents=True)
    others = [stored(audio, b"x")[1][0].key for _ in range(101)]
    doom(database, stuck, *others)

    while upkeep.delete_doomed():
        pass
    assert (keys(audio), due(database)) == ([], [stuck])


def test_an_old_object_without_a_row_is_swept_when_it_is_found_twice(
    upkeep: AudioUpkeep, database: Database, audio: AudioStore, clock: Clock
) -> None:
    kept, (_, (orphan,)) = named(database, audio), stored(audio, b"nobody's")
    assert upkeep.sweep().doomed == ()
    clock.ahead = 2 * DAY
    assert upkeep.sweep().doomed == ()
    assert upkeep.sweep().doomed == (orphan.key,)
    upkeep.delete_doomed()

    assert keys(audio) == [kept.key]
    assert upkeep.sweep() == upkeep.sweep()
    assert upkeep.sweep().refused == ""


def test_an_object_that_gets_its_row_late_stays(
    upkeep: AudioUpkeep, database: Database, audio: AudioStore, clock: Clock
) -> None:
    named(database, audio)
    recording_id, parts = stored(audio, b"late")
    clock.ahead = 2 * DAY
    assert upkeep.sweep().doomed == ()

    def write(connection: Connection) -> None:
        recordings.insert(connection, recording_id, client="test", source="upload", wish=Wish())
        recordings.put_parts(connection, recording_id, parts)

    database.write(write)
    assert upkeep.sweep().doomed == ()
    upkeep.delete_doomed()
    assert parts[0].key in keys(audio)


def test_missing_and_short_objects_are_reported_and_left_in_the_rows(
    upkeep: AudioUpkeep, database: Database, audio: AudioStore, metrics: Metrics, tmp_path: Path
) -> None:
    named(database, audio)
    gone, short = named(database, audio), named(database, audio, b"0123456789")
    audio.delete([gone.key])
    (tmp_path / "short").write_bytes(b"0123")
    audio.put_file(short.key, tmp_path / "short")

    assert sorted(upkeep.sweep().missing) == sorted([gone.key, short.key])
    assert b"care_voice_recordings_objects_missing 2.0" in metrics.render()
    assert database.read(lambda connection: named_audio.needed(connection, gone.key)) == 5


def test_a_storage_of_another_database_is_never_swept(
    upkeep: AudioUpkeep, database: Database, audio: AudioStore, clock: Clock, tmp_path: Path, metrics: Metrics
) -> None:
    part = named(database, audio)
    upkeep.sweep()
    (tmp_path / "other").write_bytes(b"")
    (own,) = [each.key for each in audio.keys("installation/")]
    audio.delete([own])
    audio.put_file(f"installation/{new_id('ins', 1.7e9)}", tmp_path / "other")
    _, (orphan,) = stored(audio, b"of the other one")
    clock.ahead = 2 * DAY
    upkeep.sweep()

    assert "another database" in upkeep.sweep().refused
    upkeep.delete_doomed()
    assert sorted(keys(audio)) == sorted([part.key, orphan.key])


def test_a_database_that_knows_no_recording_sweeps_nothing(
    upkeep: AudioUpkeep, audio: AudioStore, clock: Clock
) -> None:
    _, (part,) = stored(audio, b"precious")
    clock.ahead = 2 * DAY
    upkeep.sweep()

    assert "old one" in upkeep.sweep().refused
    upkeep.delete_doomed()
    assert keys(audio) == [part.key]


def test_all_nodes_of_a_database_are_one_installation(database: Database, audio: AudioStore, metrics: Metrics) -> None:
    named(database, audio)
    for _ in range(2):
        assert AudioUpkeep(database, audio, AudioUpkeepSettings(), metrics).sweep().refused == ""
    assert len(list(audio.keys("installation/"))) == 1


def test_bytes_are_measured(upkeep: AudioUpkeep, database: Database, audio: AudioStore, metrics: Metrics) -> None:
    part = named(database, audio, b"12345")
    recording_id = part.key.split("/")[1]
    database.write(
        lambda connection: connection.run(
            "upsert_asset", recording_id=recording_id, kind="waveform", key="recordings/x/y", media_type="", size=7,
            sha256="", now=0.0,
        )
    )  # fmt: skip
    doom(database, "recordings/x/z")
    upkeep.measure()
    shown = metrics.render()

    assert b"care_voice_recordings_stored_bytes 12.0" in shown
    assert b"care_voice_recordings_objects_doomed 1.0" in shown
    assert (b"care_voice_recordings_free_bytes 0.0" in shown) == (audio.free_bytes() is None)


async def test_in_the_background_a_deletion_wakes_it_and_trouble_does_not_end_it(
    sqlite_database: Database, s3_server: S3Server, s3_bucket: str, faulty_s3: FaultyS3, metrics: Metrics
) -> None:
    audio = S3Audio(s3_server.settings(s3_bucket, faulty_s3.url, attempts=1))
    running = asyncio.create_task(
        AudioUpkeep(sqlite_database, audio, AudioUpkeepSettings(look_every_s=3600), metrics).run()
    )
    (_, (first,)), (_, (second,)) = [await asyncio.to_thread(stored, audio, b"x") for _ in range(2)]
    faulty_s3.then = refused(500)
    await sqlite_database.awrite(lambda connection: doomed.doom(connection, [first.key]))
    await until(lambda: "DELETE" in faulty_s3.asked, "it tried")
    faulty_s3.then = None
    await sqlite_database.awrite(lambda connection: doomed.doom(connection, [second.key]))
    await until(lambda: not due(sqlite_database), "both are gone")
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running

    assert await asyncio.to_thread(keys, audio) == []
