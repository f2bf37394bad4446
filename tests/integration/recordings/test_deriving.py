"""What media workers make of a file: a copy that browsers play, and its waveform."""

from __future__ import annotations

import os
import signal
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest

from care_voice.domain.errors import MediaCrashedDecoder, MediaTooLong, UnreadableMedia
from care_voice.domain.service_errors import StorageFull
from care_voice.engine.protocol import DeriveMedia, LoadMedia, MediaDerived, MediaOpened, MediaProgress, PlaybackFormat
from care_voice.supervisor import spawning
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.settings import MediaWorkerSettings, SupervisorSettings
from care_voice.supervisor.worker import WorkerSpec
from care_voice.telemetry.metrics import Metrics
from support import sound
from support.faulty_worker import POISON
from support.processes import is_running, is_stopped
from support.waiting import until

HEADER = struct.Struct("<iiiiI")


@pytest.fixture
async def pool(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MediaPool]:
    """Real media workers that break on files which begin with POISON."""
    monkeypatch.setattr(spawning, "WORKER_MODULE", "support.faulty_worker")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["src", "tests"]))

    async def spec() -> WorkerSpec:
        return WorkerSpec("media", LoadMedia(4 * 1024**3), "json", "critical")

    pool = MediaPool(MediaWorkerSettings(most_workers=1), spec, SupervisorSettings(backoff_first_s=0.05), Metrics())
    pool.open()
    yield pool
    await pool.close()


def wish(source: Path, target: Path, form: PlaybackFormat = "flac", longest_s: float = 3600.0) -> DeriveMedia:
    return DeriveMedia(0, "test", str(source), longest_s, form, str(target / "playback"), str(target / "waveform"))


async def derived(pool: MediaPool, request: DeriveMedia) -> float:
    """The length of what was made, in seconds."""
    async with pool.derive(request) as events:
        async for event in events:
            if isinstance(event, MediaDerived):
                return event.duration_s
    raise AssertionError("nothing was made")


def stream_of(path: Path) -> tuple[str, str, int, int, float]:
    """Container, codec, rate, channels and length of a file."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert container.duration is not None
        seconds = container.duration / 1_000_000
        return container.format.name, stream.codec_context.name, stream.rate, stream.channels, seconds


@pytest.mark.parametrize(
    ("form", "written"), [("flac", ("flac", "flac", 16_000, 1)), ("opus", ("matroska,webm", "opus", 48_000, 1))]
)
async def test_a_copy_is_as_long_and_as_loud_as_its_original(
    pool: MediaPool, tmp_path: Path, speech: Path, form: PlaybackFormat, written: tuple[str, str, int, int]
) -> None:
    source = speech / "en/jfk.flac"
    seconds = await derived(pool, wish(source, tmp_path, form))

    assert seconds == pytest.approx(11.0, abs=0.01)
    assert stream_of(tmp_path / "playback") == (*written, pytest.approx(seconds, abs=0.03))
    original, copy = sound.decoded(source).astype(float), sound.decoded(tmp_path / "playback").astype(float)
    assert np.sqrt(np.mean(copy**2)) == pytest.approx(np.sqrt(np.mean(original**2)), rel=0.03)
    assert names_in(tmp_path) == ["playback", "waveform"]


async def test_the_waveform_shows_where_it_is_loud(pool: MediaPool, tmp_path: Path) -> None:
    tone = (20_000 * np.sin(np.arange(sound.RATE) * 0.3)).astype(np.int16)
    (tmp_path / "beeps.wav").write_bytes(sound.wav(np.concatenate([sound.silence(1.0), tone, sound.silence(0.5)])))
    seconds = await derived(pool, wish(tmp_path / "beeps.wav", tmp_path))

    data = (tmp_path / "waveform").read_bytes()
    assert HEADER.unpack(data[: HEADER.size]) == (1, 1, 16_000, 320, round(seconds * 50))
    low, high = np.frombuffer(data[HEADER.size :], np.int8).reshape(-1, 2).T
    assert set(high[:49]) == {0}
    assert min(high[51:99]) > 70
    assert max(low[51:99]) < -70
    assert set(high[101:]) == {0}


async def test_every_kind_of_recording_gets_one(pool: MediaPool, tmp_path: Path, speech: Path) -> None:
    for name in ("jfk.m4a", "jfk.webm", "jfk.48k-stereo.wav", "jfk.mp3", "jfk.ogg", "jfk.mp4"):
        seconds = await derived(pool, wish(speech / "variants" / name, tmp_path))

        container, codec, rate, channels, length = stream_of(tmp_path / "playback")
        assert (container, codec, channels) == ("flac", "flac", 1), name
        assert rate in {8_000, 16_000, 24_000}
        assert length == pytest.approx(seconds, abs=0.01)
        assert seconds == pytest.approx(11.0, abs=0.3)


async def test_events_come_in_order(pool: MediaPool, tmp_path: Path, speech: Path) -> None:
    async with pool.derive(wish(speech / "long/printing-lj001.mp3", tmp_path)) as events:
        seen = [event async for event in events]

    assert isinstance(seen[0], MediaOpened)
    assert isinstance(seen[-1], MediaDerived)
    scanned = [event.scanned_s for event in seen if isinstance(event, MediaProgress)]
    assert len(scanned) > 5
    assert scanned == sorted(scanned)


async def test_a_worker_killed_with_a_file_in_hand_changes_no_byte(
    pool: MediaPool, tmp_path: Path, speech: Path
) -> None:
    source = speech / "long/printing-lj001.mp3"
    expected, killed = tmp_path / "expected", tmp_path / "killed"
    expected.mkdir()
    killed.mkdir()
    await derived(pool, wish(source, expected))
    (killed / "playback.part").write_bytes(b"half a recording" * 1_000_000)
    doomed = await stopped_worker(pool)
    async with pool.derive(wish(source, killed)) as events:
        await until(pool._queue.empty, "the file is with the worker")
        os.kill(doomed, signal.SIGKILL)
        assert isinstance([event async for event in events][-1], MediaDerived)

    for name in ("playback", "waveform"):
        assert (killed / name).read_bytes() == (expected / name).read_bytes()
    assert pool._metrics.registry.get_sample_value("care_voice_work_retried_total", {"role": "media"}) == 1


async def test_a_file_that_breaks_every_worker_is_refused_and_the_next_one_served(
    pool: MediaPool, tmp_path: Path, speech: Path
) -> None:
    (tmp_path / "poison").write_bytes(POISON + bytes(100))
    with pytest.raises(MediaCrashedDecoder):
        await derived(pool, wish(tmp_path / "poison", tmp_path))
    assert not (tmp_path / "playback").exists()

    assert await derived(pool, wish(speech / "en/jfk.flac", tmp_path)) == pytest.approx(11.0, abs=0.01)


async def test_leaving_early_ends_the_work(pool: MediaPool, tmp_path: Path, speech: Path) -> None:
    pid = await stopped_worker(pool)
    async with pool.derive(wish(speech / "long/printing-lj001.mp3", tmp_path)):
        await until(pool._queue.empty, "the file is with the worker")
    await until(lambda: not is_running(pid), "the worker has ended")

    assert not (tmp_path / "playback").exists()
    assert await derived(pool, wish(speech / "en/jfk.flac", tmp_path)) > 10


@pytest.mark.parametrize("name", ["playback", "waveform"])
async def test_a_full_disk_is_named(pool: MediaPool, tmp_path: Path, speech: Path, name: str) -> None:
    (tmp_path / f"{name}.part").symlink_to("/dev/full")
    with pytest.raises(StorageFull):
        await derived(pool, wish(speech / "en/jfk.flac", tmp_path))

    assert not (tmp_path / name).exists()


async def test_what_is_no_recording_or_too_long_is_refused(pool: MediaPool, tmp_path: Path, speech: Path) -> None:
    (tmp_path / "letter").write_text("no sound\n", encoding="utf-8")
    with pytest.raises(UnreadableMedia):
        await derived(pool, wish(tmp_path / "letter", tmp_path))
    with pytest.raises(MediaTooLong):
        await derived(pool, wish(speech / "en/jfk.flac", tmp_path, longest_s=5.0))

    assert not (tmp_path / "playback").exists()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def stopped_worker(pool: MediaPool) -> int:
    """The pid of the only worker, which takes a file but does nothing with it."""
    await pool.wait_ready()
    worker = pool.slots[0].worker
    assert worker is not None
    os.kill(worker.pid, signal.SIGSTOP)
    await until(lambda: is_stopped(worker.pid), "the process has stopped")
    return worker.pid
