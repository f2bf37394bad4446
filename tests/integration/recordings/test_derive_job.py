"""What becomes of a recording once it is complete: one object, its digest, a copy for playback, a waveform."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from care_voice.domain.errors import MediaCrashedDecoder, UnreadableMedia
from care_voice.domain.jobs import Job, JobKind, LeaseRules
from care_voice.domain.recordings import Part
from care_voice.domain.store_errors import AudioMissing, LeaseLost
from care_voice.engine.protocol import LoadMedia
from care_voice.service.derive_job import DeriveHandler, RecordingSettings
from care_voice.service.job_ledger import JobLedger
from care_voice.store import doomed, events, jobs, recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from care_voice.supervisor import spawning
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.settings import MediaWorkerSettings, SupervisorSettings
from care_voice.supervisor.worker import WorkerSpec
from care_voice.telemetry.metrics import Metrics
from support.faulty_worker import POISON
from support.stored_speech import keep_recording

RULES = LeaseRules()


@dataclass
class Derivation:
    """The job over a database, a directory and real media workers that break on poison."""

    database: Database
    audio: DirectoryAudio
    handler: DeriveHandler

    def keep(self, *pieces: bytes) -> str:
        """A complete recording that came in pieces."""
        recording_id, start = keep_recording(self.database, filename="visit.flac"), 0
        for number, piece in enumerate(pieces, 1):
            with self.audio.writer(recording_id, start, number) as writer:
                writer.write(piece)
                parts = writer.sync()
            start += len(piece)
            self.database.write(lambda conn, parts=parts: recordings.put_parts(conn, recording_id, parts))
        return recording_id

    def claimed(self, recording_id: str) -> Job:
        def work(connection: Connection) -> Job | None:
            jobs.enqueue(connection, recording_id, JobKind.DERIVE, client="test", priority=3)
            return jobs.claim(connection, "node", RULES, [JobKind.DERIVE])

        job = self.database.write(work)
        assert job is not None
        return job

    async def derive(self, recording_id: str) -> None:
        job = self.claimed(recording_id)
        await self.handler(job, JobLedger(self.database, job, RULES))

    def parts(self, recording_id: str) -> list[Part]:
        return self.database.read(lambda conn: recordings.parts(conn, recording_id))

    def doomed(self) -> list[str]:
        return self.database.read(doomed.due)


@pytest.fixture
async def derivation(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Derivation]:
    monkeypatch.setattr(spawning, "WORKER_MODULE", "support.faulty_worker")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["src", "tests"]))

    async def spec() -> WorkerSpec:
        return WorkerSpec("media", LoadMedia(4 * 1024**3), "json", "critical")

    pool = MediaPool(MediaWorkerSettings(), spec, SupervisorSettings(backoff_first_s=0.05), Metrics())
    pool.open()
    audio = DirectoryAudio(tmp_path / "recordings")
    handler = DeriveHandler(
        database, audio, pool, RecordingSettings(), max_duration_s=3600.0, scratch=tmp_path / "scratch"
    )
    yield Derivation(database, audio, handler)
    await pool.close()


async def test_parts_become_one_object_and_a_copy_and_a_waveform_appear(derivation: Derivation, speech: Path) -> None:
    sound = (speech / "en/jfk.flac").read_bytes()
    recording_id = derivation.keep(sound[:1000], sound[1000:70_000], sound[70_000:])
    before = derivation.parts(recording_id)
    await derivation.derive(recording_id)

    (whole,) = derivation.parts(recording_id)
    assert b"".join(derivation.audio.read([whole])) == sound
    assert sorted(derivation.doomed()) == sorted(part.key for part in before)
    recording = derivation.database.read(lambda conn: recordings.get(conn, recording_id))
    assert recording.sha256 == hashlib.sha256(sound).hexdigest()
    assert recording.duration_s == pytest.approx(11.0, abs=0.01)
    assets = derivation.database.read(lambda conn: recordings.assets(conn, recording_id))
    for kind, media_type in (("playback", "audio/flac"), ("waveform", "application/octet-stream")):
        asset = assets[kind]
        data = b"".join(derivation.audio.read([Part(0, asset.size, asset.key)]))
        assert (asset.media_type, asset.sha256) == (media_type, hashlib.sha256(data).hexdigest())
    told = [event.kind for event in derivation.database.read(lambda conn: events.after(conn, recording_id, 0))]
    # A slow machine also hears how far it is.
    assert [kind for kind in told if kind != "job.progress"] == [
        "job.queued", "job.started", "asset.created", "asset.created", "job.done",
    ]  # fmt: skip


async def test_a_second_time_makes_new_ones_and_joins_nothing(derivation: Derivation, speech: Path) -> None:
    recording_id = derivation.keep((speech / "en/jfk.flac").read_bytes())
    await derivation.derive(recording_id)
    whole = derivation.parts(recording_id)
    first = derivation.database.read(lambda conn: recordings.assets(conn, recording_id))
    await derivation.derive(recording_id)

    assert derivation.parts(recording_id) == whole
    second = derivation.database.read(lambda conn: recordings.assets(conn, recording_id))
    assert {asset.key for asset in first.values()}.isdisjoint(asset.key for asset in second.values())
    assert {asset.key for asset in first.values()} <= set(derivation.doomed())


async def test_what_is_no_sound_is_joined_all_the_same(derivation: Derivation) -> None:
    recording_id = derivation.keep(b"no ", b"sound")
    with pytest.raises(UnreadableMedia):
        await derivation.derive(recording_id)

    assert b"".join(derivation.audio.read(derivation.parts(recording_id))) == b"no sound"
    assert len(derivation.parts(recording_id)) == 1
    assert derivation.database.read(lambda conn: recordings.assets(conn, recording_id)) == {}


async def test_a_poisonous_recording_is_named_and_the_next_one_is_worked_on(
    derivation: Derivation, speech: Path
) -> None:
    poison = derivation.keep(POISON, b"and more")
    with pytest.raises(MediaCrashedDecoder):
        await derivation.derive(poison)

    healthy = derivation.keep((speech / "en/jfk.flac").read_bytes())
    await derivation.derive(healthy)
    assert set(derivation.database.read(lambda conn: recordings.assets(conn, healthy))) == {"playback", "waveform"}


async def test_a_job_that_was_taken_over_changes_nothing(derivation: Derivation, speech: Path) -> None:
    recording_id = derivation.keep((speech / "en/jfk.flac").read_bytes())
    before = derivation.parts(recording_id)
    job = derivation.claimed(recording_id)
    derivation.database.write(lambda conn: jobs.release(conn, job.lease, 0.0))
    with pytest.raises(LeaseLost):
        await derivation.handler(job, JobLedger(derivation.database, job, RULES))

    assert derivation.parts(recording_id) == before
    assert derivation.doomed() == []


async def test_sound_that_is_gone_is_named(derivation: Derivation) -> None:
    recording_id = derivation.keep(b"first", b"second")
    derivation.audio.delete([derivation.parts(recording_id)[1].key])
    with pytest.raises(AudioMissing):
        await derivation.derive(recording_id)
