"""A service with batches, with GPUs that are full, and with a worker that runs out of memory."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from care_voice.app import Application
from care_voice.domain.service_errors import NotEnoughGpuMemory
from care_voice.engine.protocol import DecodeWindow
from care_voice.scheduler.scheduler import Errand
from care_voice.scheduler.work import Priority
from care_voice.service.placing import Placing
from care_voice.supervisor import spawning
from care_voice.supervisor.devices import Gpu, GpuGate
from support.application import running_application
from support.server import Service, running_service
from support.sound import decoded
from support.waiting import until

pytestmark = pytest.mark.timeout(300)

Start = Callable[..., AbstractAsyncContextManager[Application]]


@pytest.fixture
def started(model_store: Path, tmp_path: Path) -> Start:
    """The parts of the service in this process, ready; `gpus` are those that it finds, other arguments settings."""

    def start(gpus: list[Gpu] | None = None, **settings: str) -> AbstractAsyncContextManager[Application]:
        def give_gpus(application: Application) -> None:
            application._placing = Placing(application.settings.engine, GpuGate(lambda: gpus))

        return running_application(tmp_path, model_store, give_gpus, **settings)

    return start


@pytest.fixture(scope="module")
def batching(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("batches"), model_store, ENGINE__BATCH="2") as running:
        yield running


def gpu(free_bytes: int) -> Gpu:
    return Gpu(0, "GPU-0f00", "A100", 40 * 10**9, free_bytes, (8, 0))


def window(speech: Path) -> DecodeWindow:
    pcm = decoded(speech / "en/jfk.flac").astype("<i2").tobytes()
    return DecodeWindow(0, "test", pcm, 0.0, ((0.0, 11.0),), "en", (), "transcribe", None, (0.0,), 1)


def transcribed(service: Service, clip: Path) -> str:
    with clip.open("rb") as file:
        answer = service.client.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1", "language": "en"}
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"])


def test_many_clients_get_the_words_that_each_gets_alone(batching: Service, speech: Path) -> None:
    clips = [speech / "en/jfk.flac", *sorted((speech / "en").glob("ls-*.flac"))[:3]]
    alone = [transcribed(batching, clip) for clip in clips]
    with ThreadPoolExecutor(len(clips)) as clients:
        assert list(clients.map(lambda clip: transcribed(batching, clip), clips)) == alone


def test_health_shows_what_computes_and_what_was_found(batching: Service) -> None:
    ready = batching.client.get("/health/ready").json()
    assert ready["engines"] == [{"device": "cpu", "gpu": None, "compute_type": "int8_float32"}]
    assert ready["warning"] is None
    stages = {stage["name"]: stage for stage in batching.client.get("/health/startup").json()["stages"]}
    assert "60 s of sound at a time" in stages["engine_worker"]["detail"]
    assert "cpu" in stages["devices"]["detail"]


async def test_a_model_that_no_gpu_has_room_for_is_refused_before_a_worker_is_started(started: Start) -> None:
    with pytest.raises(NotEnoughGpuMemory) as caught:
        async with started([gpu(300_000_000)]):
            pass
    assert caught.value.fields["gpu"] == "cuda:0 (A100)"


async def test_a_gpu_that_turns_out_to_be_useless_is_left_and_the_place_on_it_given_back(started: Start) -> None:
    """NVML has found one here, and CTranslate2 finds none: the worker serves from the CPU, and the health says so."""
    async with started([gpu(10**10)]) as application:
        assert [(ready.device, ready.gpu) for ready in application.lifecycle.engines] == [("cpu", None)]
        assert set(application._placing._gate._promised.values()) == {0}


async def test_a_worker_that_runs_out_of_memory_answers_all_and_the_health_warns(
    started: Start, speech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spawning, "WORKER_MODULE", "support.short_of_memory")
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    async with started(ENGINE__BATCH="2") as application:
        assert application.lifecycle.warning is None
        process = application.engine.slots[0].worker
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
        request, errand = window(speech), Errand("client", Priority.INTERACTIVE)
        tasks = [asyncio.create_task(application.scheduler.decode(request, errand)) for _ in range(4)]
        await until(lambda: application.scheduler._plan.computing == 4, "the worker has all of them")
        os.kill(process.pid, signal.SIGCONT)
        texts = {
            "".join(word.text for part in each.parts for word in part.words) for each in await asyncio.gather(*tasks)
        }

        (text,) = texts
        assert "ask what you can do for your country" in text
        assert application.engine.slots[0].worker is process
        await until(lambda: application.lifecycle.warning is not None, "a heartbeat has told of it")
        assert application.lifecycle.warning is not None
        assert application.lifecycle.warning.code == "batches_reduced"
