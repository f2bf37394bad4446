"""The supervisor over real worker processes that are killed, stopped, or cannot start; and the service's own end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path

import httpx
import pytest

from care_voice.app import Application
from care_voice.domain.errors import MediaCrashedDecoder, MediaTooSlow
from care_voice.domain.service_errors import WindowQuarantined, WorkerFailed
from care_voice.domain.transcript import Transcript
from care_voice.engine.protocol import LoadEngine, MediaDone, MediaOpened, MediaWindow, OpenMedia, VadOptions
from care_voice.models.report import Verified
from care_voice.scheduler.scheduler import Scheduler
from care_voice.scheduler.settings import SchedulerSettings
from care_voice.service.options import TranscriptionOptions
from care_voice.supervisor.engine_pool import EnginePool
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.slot import SlotState
from care_voice.supervisor.worker import WorkerSpec
from care_voice.telemetry.metrics import Metrics
from support.application import running_application
from support.forms import TRANSCRIPTIONS, refused, send
from support.processes import is_running, is_stopped
from support.server import Service, running_service
from support.waiting import until, wait_until

ENGLISH = TranscriptionOptions(language="en")
Start = Callable[..., AbstractAsyncContextManager[Application]]


@pytest.fixture
def started(model_store: Path, tmp_path: Path) -> Start:
    """The parts of the service in this process, over real workers, ready; keyword arguments are settings."""

    return partial(running_application, tmp_path, model_store)


async def transcript(application: Application, path: Path) -> Transcript:
    return await application.transcriber.transcribe(path, ENGLISH, "test")


def engine_pid(application: Application) -> int:
    worker = application.engine.slots[0].worker
    assert worker is not None
    return worker.pid


def media_pid(application: Application) -> int:
    worker = application.media.slots[0].worker
    assert worker is not None
    return worker.pid


def counted(application: Application, sample: str, **labels: str) -> float:
    return application.metrics.registry.get_sample_value(sample, labels) or 0.0


def is_reading(application: Application) -> bool:
    """A file was asked for and has left the queue."""
    return application.transcriber._active > 0 and not application.media._queue.qsize()


async def stop_process(pid: int) -> None:
    """SIGSTOP, and wait until it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    await until(lambda: is_stopped(pid), "the process has stopped")


async def test_a_media_worker_killed_in_the_middle_of_a_file_costs_no_window(started: Start, speech: Path) -> None:
    request = OpenMedia(0, "test", str(speech / "long/printing-lj001.mp3"), 3600.0, VadOptions())

    async def events(*, kill_after: int | None) -> list[object]:
        seen: list[object] = []
        async with application.media.read(request) as stream:
            async for event in stream:
                if isinstance(event, MediaOpened | MediaWindow | MediaDone):
                    seen.append((type(event), getattr(event, "start_s", 0), getattr(event, "pcm", b"")))
                if len(seen) == kill_after:
                    kill_after = None
                    os.kill(media_pid(application), signal.SIGKILL)
        return seen

    async with started() as application:
        expected = await events(kill_after=None)
        killed = await events(kill_after=4)
        retried = counted(application, "care_voice_work_retried_total", role="media")

    assert retried == 1
    assert len(expected) > 8
    assert killed == expected


async def test_a_media_worker_killed_with_a_file_in_hand_changes_no_word(started: Start, speech: Path) -> None:
    path = speech / "dialogue/katie-steve.flac"
    async with started() as application:
        expected = await transcript(application, path)
        doomed = media_pid(application)
        await stop_process(doomed)
        task = asyncio.create_task(transcript(application, path))
        await until(lambda: is_reading(application), "the file is with the worker")
        os.kill(doomed, signal.SIGKILL)

        assert await task == expected
        assert counted(application, "care_voice_work_retried_total", role="media") == 1
        assert media_pid(application) != doomed


async def test_a_file_that_kills_every_decoder_is_refused_and_the_next_one_served(started: Start, speech: Path) -> None:
    path = speech / "dialogue/katie-steve.flac"
    async with started(SUPERVISOR__BACKOFF_FIRST_S="0.05", SUPERVISOR__MAX_ATTEMPTS="2") as application:
        await stop_process(media_pid(application))
        task = asyncio.create_task(transcript(application, path))
        await until(lambda: is_reading(application), "the file is with the worker")
        killed: set[int] = set()
        while not task.done():
            worker = application.media.slots[0].worker
            if worker is not None and worker.pid not in killed:
                killed.add(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)
            await asyncio.sleep(0)

        with pytest.raises(MediaCrashedDecoder):
            await task
        assert len(killed) == 2
        assert len((await transcript(application, path)).words) > 30


async def test_a_decoder_that_gives_no_sound_is_killed_and_the_file_refused(started: Start, speech: Path) -> None:
    async with started(SUPERVISOR__MEDIA_STALL_S="3", SUPERVISOR__HEARTBEAT_TIMEOUT_S="600") as application:
        stuck = media_pid(application)
        await stop_process(stuck)
        with pytest.raises(MediaTooSlow):
            await transcript(application, speech / "en/jfk.flac")

        assert not is_running(stuck)
        assert counted(application, "care_voice_worker_exits_total", role="media", cause="hang") == 1


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"SUPERVISOR__HEARTBEAT_TIMEOUT_S": "3"}, "heartbeat_lost"),
        ({"SUPERVISOR__HEARTBEAT_TIMEOUT_S": "600", "SUPERVISOR__WINDOW_TIMEOUT_S": "6"}, "hang"),
    ],
    ids=["it sends no heartbeat", "a window takes too long"],
)
async def test_a_stuck_engine_worker_is_replaced_and_the_request_answered(
    started: Start, speech: Path, settings: dict[str, str], cause: str
) -> None:
    async with started(**settings) as application:
        stuck = engine_pid(application)
        await stop_process(stuck)
        result = await transcript(application, speech / "en/jfk.flac")

        assert "ask what you can do for your country" in result.text
        assert not is_running(stuck)
        assert engine_pid(application) != stuck
        assert counted(application, "care_voice_worker_exits_total", role="engine", cause=cause) == 1
        assert counted(application, "care_voice_work_retried_total", role="engine") == 1


async def test_a_window_that_kills_every_worker_is_put_aside_and_the_next_one_served(
    started: Start, speech: Path
) -> None:
    path, killed = speech / "en/jfk.flac", set[int]()
    async with started(SUPERVISOR__BACKOFF_FIRST_S="0.05", SUPERVISOR__MAX_ATTEMPTS="3") as application:
        await stop_process(engine_pid(application))
        task = asyncio.create_task(transcript(application, path))
        await until(lambda: is_decoding(application), "the window is with the worker")
        while not task.done():
            worker = application.engine.slots[0].worker
            if worker is not None and worker.pid not in killed:
                killed.add(worker.pid)
                os.kill(worker.pid, signal.SIGKILL)
            await asyncio.sleep(0)

        with pytest.raises(WindowQuarantined) as caught:
            await task
        assert caught.value.fields == {"kills": 3}
        assert len(killed) == 3
        await until(lambda: application.engine.trouble is None, "a new worker is ready")
        assert "country" in (await transcript(application, path)).text


def is_decoding(application: Application) -> bool:
    """A window is on its way to the worker, which does not read because it was stopped."""
    worker = application.engine.slots[0].worker
    return worker is not None and worker._writer.transport.get_write_buffer_size() > 0


async def test_a_model_that_cannot_be_loaded_is_explained_and_not_tried_in_a_tight_loop(
    verified_model: Verified, tmp_path: Path
) -> None:
    starts: list[Path] = []
    model_dir = tmp_path

    async def prepare() -> WorkerSpec:
        starts.append(model_dir)
        return WorkerSpec("engine", LoadEngine("base", str(model_dir), "cpu", "int8", 1), "json", "critical")

    settings = SupervisorSettings(backoff_first_s=300, backoff_max_s=300)
    pool = EnginePool(1, prepare, settings, Metrics())
    Scheduler("base", pool, SchedulerSettings(), settings, Metrics())
    pool.open()
    try:
        with pytest.raises(WorkerFailed) as caught:
            await pool.wait_ready()
        assert "model.bin" in caught.value.message
        assert "model.bin" in (pool.trouble or "")
        assert pool.slots[0].state is SlotState.BACKOFF
        assert len(starts) == 2, "one retry at once, then a wait"

        model_dir = verified_model.view
        pool.retry_now()
        await until(lambda: pool.trouble is None, "the mended model is loaded")
        assert len(starts) == 3
    finally:
        await pool.close()


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped by a signal"])
def test_no_worker_outlives_a_killed_service(model_store: Path, tmp_path: Path, stopped: bool) -> None:
    with running_service(tmp_path, model_store) as service:
        workers = [*service.workers("engine"), *service.workers("media")]
        assert len(workers) >= 2
        if stopped:
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: all(is_stopped(pid) for pid in workers), "the workers have stopped")
        try:
            service.process.kill()
            service.process.wait(30)
            wait_until(lambda: not any(is_running(pid) for pid in workers), "every worker is gone", 10)
        finally:
            for pid in filter(is_running, workers):
                os.kill(pid, signal.SIGKILL)


def test_a_machine_that_stood_still_costs_no_worker(model_store: Path, tmp_path: Path, speech: Path) -> None:
    """The service is the first to run again: that it has heard nothing for long is no fault of its workers."""
    limit_s = 4.0
    with running_service(tmp_path, model_store, SUPERVISOR__HEARTBEAT_TIMEOUT_S=str(limit_s)) as service:
        workers = [*service.workers("engine"), *service.workers("media")]
        for pid in [service.process.pid, *workers]:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(1.5 * limit_s)
        finally:
            os.kill(service.process.pid, signal.SIGCONT)
        assert service.client.get("/health/live").status_code == 200
        for pid in workers:
            os.kill(pid, signal.SIGCONT)

        assert "country" in send(service.client, (speech / "en/jfk.flac").read_bytes(), language="en").json()["text"]
        assert [*service.workers("engine"), *service.workers("media")] == workers


def test_a_client_that_leaves_a_stream_ends_its_work(service: Service, speech: Path) -> None:
    before = service.metric("care_voice_transcriptions_total", outcome="cancelled")
    files = {"file": ("a.mp3", (speech / "long/printing-lj001.mp3").read_bytes())}
    fields = {"model": "base", "language": "en", "stream": "true"}
    with service.client.stream("POST", TRANSCRIPTIONS, data=fields, files=files) as response:
        frames = response.iter_bytes()
        assert next(frames)
        assert service.metric("care_voice_transcriptions_in_progress") == 1

    _is_idle_again(service, before + 1)


def test_a_client_that_hangs_up_before_its_answer_ends_its_work(service: Service, speech: Path) -> None:
    before = service.metric("care_voice_transcriptions_total", outcome="cancelled")
    files = {"file": ("a.mp3", (speech / "long/printing-lj001.mp3").read_bytes())}
    request = service.client.build_request(
        "POST", TRANSCRIPTIONS, data={"model": "base", "language": "en"}, files=files
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items() if name != "connection")
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.sendall(f"POST {TRANSCRIPTIONS} HTTP/1.1\r\n{head}\r\n".encode() + request.read())
        wait_until(lambda: service.metric("care_voice_transcriptions_in_progress") == 1, "it is in progress")

    _is_idle_again(service, before + 1)


def _is_idle_again(service: Service, cancelled: float) -> None:
    wait_until(lambda: service.metric("care_voice_transcriptions_in_progress") == 0, "nothing is in progress")
    wait_until(service.is_ready, "it takes work")
    assert service.metric("care_voice_transcriptions_total", outcome="cancelled") == cancelled
    assert service.metric("care_voice_windows_queued") == 0
    assert list((service.data_dir / "incoming").iterdir()) == []
    assert service.events("unexpected_error") == []


def test_a_stop_finishes_what_is_in_hand_and_refuses_what_is_new(
    model_store: Path, tmp_path: Path, speech: Path
) -> None:
    long, short = speech / "dialogue/two-readers-alternating.flac", speech / "en/jfk.flac"
    limits = {"TRANSCRIPTION__MAX_CONCURRENT": "1", "TRANSCRIPTION__RETRY_AFTER_S": "7"}
    with running_service(tmp_path, model_store, **limits) as service, ThreadPoolExecutor() as threads:
        in_hand = threads.submit(send, service.client, long.read_bytes(), language="en")
        wait_until(lambda: service.metric("care_voice_transcriptions_in_progress") == 1, "it is in progress")
        with httpx.Client(base_url=service.url, timeout=60) as other:
            overloaded = send(other, short.read_bytes())
            service.process.send_signal(signal.SIGTERM)
            wait_until(lambda: other.get("/health/ready").json().get("state") == "draining", "it drains")
            draining = send(other, short.read_bytes())
            alive = other.get("/health/live")
        done = in_hand.result(60)

        refused(overloaded, 503, "overloaded")
        refused(draining, 503, "draining")
        assert draining.headers["retry-after"] == "7"
        assert 1 <= int(overloaded.headers["retry-after"]) < 600, "computed from what is left and the measured rate"
        assert alive.status_code == 200
        assert done.status_code == 200
        assert len(done.json()["text"].split()) > 100
        assert service.process.wait(30) == 0
        assert service.events("drained")


def test_a_second_signal_ends_the_service_at_once(model_store: Path, tmp_path: Path, speech: Path) -> None:
    with running_service(tmp_path, model_store) as service, ThreadPoolExecutor() as threads:
        workers = [*service.workers("engine"), *service.workers("media")]
        in_hand = threads.submit(send, service.client, (speech / "long/printing-lj001.mp3").read_bytes(), language="en")
        wait_until(lambda: service.metric("care_voice_transcriptions_in_progress") == 1, "it is in progress")
        service.process.send_signal(signal.SIGTERM)
        wait_until(lambda: service.events("stopping"), "it drains")
        service.process.send_signal(signal.SIGTERM)

        assert service.process.wait(15) == 0
        with suppress(httpx.TransportError):
            # Which one depends on whether the worker or the connection is ended first.
            assert in_hand.result(10).status_code in (500, 503)
        assert not service.events("drained")
        assert not any(is_running(pid) for pid in workers)
