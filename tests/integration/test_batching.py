"""A service on ONNX Runtime: windows of many requests share a worker, and each request gets its own words."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from care_voice.engine.backends.onnxrt.runtime import require_exact_products
from support.server import Service, running_service
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def onnx_service(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own that is told a name which is derived at the start, from files in a directory."""
    try:
        require_exact_products()
    except RuntimeError as error:
        pytest.skip(str(error))
    data = tmp_path_factory.mktemp("onnx")
    settings = {
        "MODELS__DIRECTORIES": str(model_store / "views"),
        "MODELS__SOURCES": "directory",
        "ENGINE__RUNTIME": "auto",
    }
    with running_service(data, data / "models", MODEL="base-onnx-int8", **settings) as running:
        yield running


@pytest.fixture(scope="module")
def clips(speech: Path) -> list[Path]:
    return [speech / "en" / "jfk.flac", *sorted((speech / "en").glob("ls-*.flac"))[:5], *_mandarin(speech)]


def _mandarin(speech: Path) -> list[Path]:
    return sorted((speech / "zh").glob("*.flac"))[:2]


def transcribed(service: Service, clip: Path) -> str:
    with clip.open("rb") as file:
        language = clip.parent.name
        answer = service.client.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1", "language": language}
        )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"])


def test_in_company_every_request_gets_the_words_that_it_gets_alone(onnx_service: Service, clips: list[Path]) -> None:
    alone = [transcribed(onnx_service, clip) for clip in clips]
    assert "ask what you can do for your country" in alone[0]
    assert all(alone)
    with ThreadPoolExecutor(2 * len(clips)) as clients:
        together = list(clients.map(lambda clip: transcribed(onnx_service, clip), clips * 2))
    assert list(map(words, together)) == list(map(words, alone * 2))


def words(text: str) -> list[str]:
    """Without punctuation: sums are rounded otherwise in company, and a comma may be as probable as none."""
    return re.sub(r"[^\w\s']", "", text).lower().split()


def test_a_worker_that_is_killed_with_many_windows_in_hand_costs_nobody_an_answer(
    onnx_service: Service, clips: list[Path]
) -> None:
    alone = [transcribed(onnx_service, clip) for clip in clips]
    (worker,) = onnx_service.workers("engine")
    with ThreadPoolExecutor(len(clips)) as clients:
        answers = [clients.submit(transcribed, onnx_service, clip) for clip in clips]
        wait_until(lambda: onnx_service.metric("care_voice_windows_queued") >= 2, "the worker is full")
        os.kill(worker, signal.SIGKILL)
        assert [words(answer.result()) for answer in answers] == list(map(words, alone))
    assert onnx_service.workers("engine") != [worker]
