"""Scheduling over real workers: who waits for whom, deadlines, refusals, and workers that are renewed meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import httpx
import pytest

from care_voice.app import Application
from care_voice.config import load_settings
from care_voice.domain.model_errors import ModelNotInstalled
from care_voice.domain.service_errors import DeadlineExceeded, NotEnoughMemory, NotReady
from care_voice.engine.protocol import DecodeWindow, MediaWindow, OpenMedia, VadOptions
from care_voice.scheduler.scheduler import Errand
from care_voice.scheduler.work import Caller, Priority
from care_voice.service.options import TranscriptionOptions
from care_voice.supervisor import memory
from care_voice.supervisor.engine_worker import EngineWorker
from support.application import running_application
from support.forms import TRANSCRIPTIONS, refused
from support.processes import is_running
from support.server import Service, environment, running_service
from support.waiting import until, wait_until

ENGLISH = TranscriptionOptions(language="en")
Start = Callable[..., AbstractAsyncContextManager[Application]]


@pytest.fixture
def started(model_store: Path, tmp_path: Path) -> Start:
    """The parts of the service in this process, ready; keyword arguments are settings."""

    return partial(running_application, tmp_path, model_store)


async def windows_of(application: Application, path: Path) -> list[DecodeWindow]:
    """The requests that a file makes, greedy so that they are quick."""
    found = []
    async with application.media.read(OpenMedia(0, "test", str(path), 3600.0, VadOptions())) as events:
        async for event in events:
            if isinstance(event, MediaWindow):
                request = DecodeWindow(
                    0, "test", event.pcm, event.start_s, event.speech, "en", (), "transcribe", None, (0.0,), 1
                )
                found.append(request)
    return found


def stuck_worker(application: Application) -> int:
    """Stop the only engine worker, so that whatever comes waits."""
    worker = application.engine.slots[0].worker
    assert worker is not None
    os.kill(worker.pid, signal.SIGSTOP)
    return worker.pid


async def is_gone(pid: int) -> None:
    await until(lambda: not is_running(pid), "the worker is gone")


async def test_a_short_request_beside_a_long_file_waits_only_for_the_window_in_hand(
    started: Start, speech: Path
) -> None:
    async with started(SCHEDULER__PATIENCE_S="600") as application:
        long = await windows_of(application, speech / "long/printing-lj001.mp3")
        (short,) = await windows_of(application, speech / "en/jfk.flac")
        assert len(long) > 4
        order: list[str] = []

        async def decode(name: str, request: DecodeWindow, client: str, priority: Priority) -> None:
            await application.scheduler.decode(request, Errand(client, priority))
            order.append(name)

        pid = stuck_worker(application)
        tasks = [
            asyncio.create_task(decode(f"{kind}-{n}", request, kind, priority))
            for kind, priority in (("bulk", Priority.BULK), ("long", Priority.INTERACTIVE))
            for n, request in enumerate(long[:3])
        ]
        await until(lambda: application.scheduler._plan.waiting == 5, "all but the window in hand wait")
        tasks.append(asyncio.create_task(decode("short", short, "short", Priority.INTERACTIVE)))
        await until(lambda: application.scheduler._plan.waiting == 6, "the short one waits too")
        os.kill(pid, signal.SIGCONT)
        await asyncio.gather(*tasks)

        in_hand, *after = order
        assert in_hand == "bulk-0"
        assert "short" in after[:2], "fair beside one window of the long file"
        assert [name for name in after if name.startswith("bulk")] == after[-2:], "bulk work waits"


async def test_all_windows_of_a_recording_but_the_first_can_wait(
    started: Start, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, submit = list[tuple[str, bool]](), EngineWorker.submit

    def noted(worker: EngineWorker, number: int, request: DecodeWindow) -> None:
        given.append((request.request_id, request.patient))
        submit(worker, number, request)

    async with started() as application:
        monkeypatch.setattr(EngineWorker, "submit", noted)
        options = TranscriptionOptions(language="en", beam_size=1, temperatures=(0.0,))
        bulk = Caller("another", bulk=True)
        for name, caller in (("alone", Caller()), ("bulk", bulk)):
            clip = speech / ("dialogue/two-readers-alternating.flac" if name == "alone" else "en/jfk.flac")
            await application.transcriber.transcribe(clip, options, name, caller)

    assert [patient for name, patient in given if name == "alone"][:3] == [False, True, True]
    assert [patient for name, patient in given if name == "bulk"] == [True]


async def test_a_deadline_ends_a_request_that_waits_and_its_window_is_never_computed(
    started: Start, speech: Path
) -> None:
    async with started() as application:
        pid = stuck_worker(application)
        in_hand = asyncio.create_task(application.transcriber.transcribe(speech / "en/jfk.flac", ENGLISH, "first"))
        await until(lambda: application.scheduler._plan.computing == 1, "a window is in hand")
        with pytest.raises(DeadlineExceeded) as caught:
            await application.transcriber.transcribe(
                speech / "en/jfk.flac", ENGLISH, "second", Caller("other", timeout_s=1.5)
            )
        assert caught.value.fields == {"timeout_s": 1.5}
        assert (application.scheduler._plan.waiting, application.scheduler._plan.computing) == (0, 1)
        os.kill(pid, signal.SIGCONT)
        assert "country" in (await in_hand).text
        decoded = application.metrics.registry.get_sample_value("care_voice_windows_total", {"model": "base"})
        assert decoded == 2, "the self-test's and the first one's"


async def test_work_is_given_up_when_no_worker_can_be_started(
    started: Start, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with started(SCHEDULER__MAX_OUTAGE_S="0.5", SUPERVISOR__BACKOFF_FIRST_S="300") as application:
        pid = stuck_worker(application)
        monkeypatch.setattr(application.engine._memory, "_available", lambda: 0)
        task = asyncio.create_task(application.transcriber.transcribe(speech / "en/jfk.flac", ENGLISH, "test"))
        await until(lambda: application.scheduler._plan.computing == 1, "the window is in hand")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(NotReady) as caught:
            await task
        assert "not enough memory" in caught.value.message


async def test_a_worker_for_which_there_is_no_memory_is_refused_and_not_tried(
    model_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = Application(load_settings(environment(tmp_path, model_store, {})))
    monkeypatch.setattr(application.engine._memory, "_available", lambda: 10_000_000)
    try:
        with pytest.raises(NotEnoughMemory) as caught:
            await application.lifecycle.start_and_wait(repair=False)
    finally:
        await application.lifecycle.close()
    assert (caught.value.fields["name"], caught.value.fields["free"]) == ("base", "10 MB")
    assert memory.available_memory() != 10_000_000


@pytest.mark.parametrize("room", [True, False], ids=["room for two", "room for one"])
async def test_a_worker_is_renewed_and_no_request_is_lost(
    started: Start, speech: Path, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    async with started(SUPERVISOR__RENEW_AFTER_S="1.5", SUPERVISOR__RENEW_CHECK_S="0.1") as application:
        if not room:
            monkeypatch.setattr(application.engine._memory, "has_room", lambda _: not application.engine.workers)
        first = application.engine.workers[0].process.pid
        texts = set()
        least_workers = 99

        def renewals() -> float:
            labels = {"role": "engine", "reason": "age"}
            return application.metrics.registry.get_sample_value("care_voice_worker_renewals_total", labels) or 0

        while renewals() < 3:
            texts.add((await application.transcriber.transcribe(speech / "en/jfk.flac", ENGLISH, "test")).text)
            least_workers = min(least_workers, len(application.engine.workers))
        assert len(texts) == 1
        await is_gone(first)
        assert (
            application.metrics.registry.get_sample_value("care_voice_work_retried_total", {"role": "engine"}) is None
        )
        if room:
            assert least_workers == 1, "the next one stood ready before the old one went"


async def test_a_second_model_is_loaded_when_it_is_asked_for_and_unloaded_when_nobody_does(
    model_store: Path, tmp_path: Path, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "models"
    store.mkdir()
    (store / "models.toml").write_text(f'[models.second]\ndirectory = "{model_store / "views/base"}"\n')
    values = {
        "CARE_VOICE_MODELS__SOURCES": "directory",
        "CARE_VOICE_MODELS__DIRECTORIES": str(model_store / "views"),
        "CARE_VOICE_ALSO_SERVED": "second,tiny",
        "CARE_VOICE_ENGINE__UNLOAD_AFTER_S": "0.5",
    }
    application = Application(load_settings(environment(tmp_path, store, values)))
    application.clear_incoming()
    second = application.models["second"]

    async def ask(model: str) -> str:
        return (await application.transcriber.transcribe(speech / "en/jfk.flac", ENGLISH, "test", model=model)).text

    try:
        await application.lifecycle.start_and_wait()
        await asyncio.to_thread(application.puller.pull, "second")
        with pytest.raises(ModelNotInstalled):
            await ask("tiny")
        expected = await ask("base")
        for _ in range(2):
            assert second.pool.workers == []
            assert await asyncio.gather(ask("second"), ask("second"), ask("base")) == [expected] * 3
            pid = second.pool.workers[0].process.pid
            await until(lambda: not second.loaded, "nobody wants it any more")
            await is_gone(pid)
        assert application.engine.workers, "the default model stays"
        monkeypatch.setattr(application._memory, "_available", lambda: 1)
        with pytest.raises(NotEnoughMemory):
            await ask("second")
    finally:
        await application.lifecycle.close()


def test_every_served_model_is_listed_and_an_alias_may_mean_any_of_them(model_store: Path, tmp_path: Path) -> None:
    (tmp_path / "care-voice.toml").write_text('[api.model_aliases]\nwhisper-1 = ""\nsmall-one = "tiny"\n')
    with running_service(tmp_path, model_store, ALSO_SERVED="tiny") as service:
        listed = [model["id"] for model in service.client.get("/v1/models").json()["data"]]
        assert listed == ["base", "tiny", "whisper-1", "small-one"]
        answer = service.client.post(TRANSCRIPTIONS, data={"model": "small-one"}, files={"file": ("a", b"x")})
        refused(answer, 404, "model_not_installed")


def test_limits_and_headers_are_answered_at_the_door(model_store: Path, tmp_path: Path, speech: Path) -> None:
    clip = (speech / "en/jfk.flac").read_bytes()

    def ask(service: Service, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        files = {"file": ("a", clip)}
        return service.client.post(TRANSCRIPTIONS, data={"model": "base", "language": "en"}, files=files, headers=named)

    with (
        running_service(tmp_path, model_store, SCHEDULER__MAX_INTERACTIVE_S="5") as service,
        ThreadPoolExecutor() as threads,
    ):
        (worker,) = service.workers("engine")
        os.kill(worker, signal.SIGSTOP)
        first = threads.submit(ask, service)
        queued = {"model": "base", "priority": "interactive"}
        wait_until(lambda: service.metric("care_voice_queue_audio_seconds", **queued) > 5, "11 s of audio wait")
        overloaded = ask(service)
        late = ask(service, X_Priority="bulk", X_Request_Timeout="0.1")
        os.kill(worker, signal.SIGCONT)

        refused(overloaded, 503, "overloaded")
        assert 1 <= int(overloaded.headers["retry-after"]) < 60
        refused(late, 504, "deadline_exceeded")
        assert first.result(60).status_code == 200
        assert service.metric("care_voice_queue_audio_seconds", **queued) == 0
        assert ask(service, X_Priority="bulk").status_code == 200
        refused(ask(service, X_Priority="now"), 400, "invalid_parameter", "X-Priority")
        refused(ask(service, X_Request_Timeout="soon"), 400, "invalid_parameter", "X-Request-Timeout")
