"""A real Care Voice whose windows are decoded by another real Care Voice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.server import Service, environment, running_service
from support.waiting import wait_until

CLIENTS = 6
KEY = "sk-care-voice-secret-of-this-test"
QUICK = {"REMOTE__BREAKER__OPEN_S": "0.2", "REMOTE__BREAKER__OPEN_MAX_S": "1", "REMOTE__BACKOFF_FIRST_S": "0.05"}


def remote(url: str, **settings: str) -> dict[str, str]:
    return {"ENGINE__KIND": "remote", "REMOTE__URL": f"{url}/v1", "REMOTE__API_KEY": KEY, **QUICK, **settings}


@pytest.fixture(scope="module")
def front(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Serves a model of a name of its own, without a store that could have one; the shared service decodes."""
    folder = tmp_path_factory.mktemp("front")
    settings = remote(service.url, MODEL="clinic", REMOTE__MODEL="base")
    with running_service(folder / "data", folder / "no-models", **settings) as running:
        yield running


def clips(speech: Path, language: str, count: int) -> list[Path]:
    rows = [json.loads(line) for line in (speech / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    chosen = [row for row in rows if row["language"] == language and row["kind"] == "utterance" and row["score_text"]]
    return [speech / row["file"] for row in chosen[:count]]


def verbose(service: Service, clip: Path, model: str, **fields: str) -> dict[str, Any]:
    data = {"model": model, "response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}
    with clip.open("rb") as file:
        answer = service.client.post("/v1/audio/transcriptions", files={"file": file}, data={**data, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def transcribe(service: Service, clip: Path, model: str = "base") -> tuple[int, dict[str, Any], str | None]:
    with clip.open("rb") as file:
        answer = service.client.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": model, "language": "en"}
        )
    return answer.status_code, answer.json(), answer.headers.get("Retry-After")


def assert_same(through: dict[str, Any], direct: dict[str, Any]) -> None:
    assert (through["text"], through["language"]) == (direct["text"], direct["language"])
    assert [word["word"] for word in through["words"]] == [word["word"] for word in direct["words"]]
    for ours, theirs in zip(through["words"], direct["words"], strict=True):
        assert ours["start"] == pytest.approx(theirs["start"], abs=0.1)
        assert ours["end"] == pytest.approx(theirs["end"], abs=0.1)
    assert [segment["text"] for segment in through["segments"]] == [segment["text"] for segment in direct["segments"]]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_transcript_is_the_one_that_the_remote_engine_gives_directly(
    front: Service, service: Service, speech: Path, language: str
) -> None:
    for clip in clips(speech, language, 6):
        assert_same(verbose(front, clip, "clinic"), verbose(service, clip, "base"))


def test_a_translation_is_the_one_that_the_remote_engine_gives_directly(
    front: Service, service: Service, speech: Path
) -> None:
    (clip,) = clips(speech, "en", 1)
    texts = []
    for each, model in ((front, "clinic"), (service, "base")):
        with clip.open("rb") as file:
            answer = each.client.post("/v1/audio/translations", files={"file": file}, data={"model": model})
        texts.append((answer.status_code, answer.json()["text"]))
    assert texts[0] == texts[1]


def test_no_engine_and_no_model_is_here_and_the_health_says_what_decodes(front: Service, service: Service) -> None:
    assert front.workers("engine") == []
    assert len(front.workers("media")) >= 1
    assert front.client.get("/health/ready").json()["engine"] == {
        "kind": "remote", "url": f"{service.url}/v1", "model": "base", "breaker": "closed"
    }  # fmt: skip
    stages = [stage["name"] for stage in front.client.get("/health/startup").json()["stages"]]
    assert stages == [
        "settings",
        "directories",
        "disk",
        "memory",
        "database",
        "media_worker",
        "remote_engine",
        "self_test",
    ]
    assert [model["id"] for model in front.client.get("/v1/models").json()["data"]] == ["clinic", "whisper-1"]
    assert service.client.get("/health/ready").json()["engine"]["kind"] == "local"


def test_log_probabilities_are_refused_since_the_remote_engine_gives_none(front: Service, speech: Path) -> None:
    (clip,) = clips(speech, "en", 1)
    with clip.open("rb") as file:
        answer = front.client.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": "clinic", "include[]": "logprobs"}
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "unsupported_parameter")


def test_an_effort_that_the_remote_engine_cannot_be_told_of_is_refused_by_name(front: Service, speech: Path) -> None:
    (clip,) = clips(speech, "en", 1)
    with clip.open("rb") as file:
        answer = front.client.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": "clinic", "beam_size": "2"}
        )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", "beam_size")


def test_another_care_voice_decodes_as_it_is_asked_to(service: Service, tmp_path: Path, speech: Path) -> None:
    (clip,) = clips(speech, "en", 1)
    settings = remote(service.url, MODEL="clinic", REMOTE__MODEL="base", REMOTE__EXTENSIONS="true")
    with running_service(tmp_path / "data", tmp_path / "no-models", **settings) as front:
        for asked in ({"profile": "accurate"}, {"beam_size": "2", "temperatures[]": "0", "hotwords": "Liddy"}):
            assert_same(verbose(front, clip, "clinic", **asked), verbose(service, clip, "base", **asked))


def test_what_the_remote_engine_refuses_is_a_422_that_says_so(front: Service, speech: Path) -> None:
    (clip,) = clips(speech, "en", 1)
    with clip.open("rb") as file:
        answer = front.client.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": "clinic", "language": "yue"}
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "remote_refused")
    assert "language" in answer.json()["error"]["message"]


def test_the_page_is_told_that_the_sound_does_not_stay_here(front: Service) -> None:
    assert front.client.get("/api/v1/status").json()["engine"] == "remote"


def test_the_key_is_nowhere_to_be_seen(front: Service) -> None:
    pages = ("/health/ready", "/health/startup", "/metrics", "/api/v1/status", "/v1/models")
    assert KEY not in "".join(front.client.get(page).text for page in pages)
    assert KEY not in front.log_text()


@pytest.mark.timeout(300)  # two services start, and one of them twice
def test_kill_9_of_the_remote_engine_under_load_costs_nobody_a_wrong_answer_and_it_recovers_by_itself(
    model_store: Path, tmp_path: Path, speech: Path
) -> None:
    back = Service(tmp_path / "back", model_store, {})
    started = [back]
    chosen = clips(speech, "en", CLIENTS)
    try:
        back.wait_ready()
        patient = remote(back.url, SCHEDULER__MAX_OUTAGE_S="250")
        with running_service(tmp_path / "front", tmp_path / "no-models", **patient) as front:
            front.client.timeout = 250
            right = [transcribe(front, clip)[1]["text"] for clip in chosen]
            with ThreadPoolExecutor(CLIENTS) as pool:
                answers = [pool.submit(transcribe, front, clip) for clip in chosen]
                wait_until(lambda: front.metric("care_voice_windows_queued") + _in_hand(back) >= 2, "it is at work")
                os.kill(back.process.pid, signal.SIGKILL)
                wait_until(lambda: not front.is_ready(), "the front has noticed")
                _assert_refused(front, chosen[0])
                started.append(Service(tmp_path / "back", model_store, {}, port=back.port))
                outcomes = [answer.result() for answer in answers]
            wait_until(front.is_ready, "the front is ready again")
            assert [(status, body.get("text")) for status, body, _ in outcomes] == [(200, text) for text in right]
            assert transcribe(front, chosen[0])[1]["text"] == right[0]
            assert front.metric("care_voice_remote_breaker_opened_total") >= 1
            assert front.workers("engine") == []
    finally:
        for each in started:
            each.end()


def _in_hand(service: Service) -> float:
    return service.metric("care_voice_transcriptions_in_progress")


def _assert_refused(front: Service, clip: Path) -> None:
    status, body, retry_after = transcribe(front, clip)
    assert (status, body["error"]["code"]) == (503, "remote_unavailable")
    assert int(retry_after or 0) >= 1
    health = front.client.get("/health/ready")
    assert (health.status_code, health.json()["code"]) == (503, "remote_unavailable")
    assert health.json()["engine"]["breaker"] in ("open", "half_open")
    assert int(health.headers["Retry-After"]) >= 1


@pytest.mark.timeout(300)
def test_the_front_waits_for_a_remote_engine_that_is_started_after_it(
    model_store: Path, tmp_path: Path, speech: Path
) -> None:
    back = Service(tmp_path / "back", model_store, {})
    back.end()
    front = Service(
        tmp_path / "front", tmp_path / "no-models", {f"CARE_VOICE_{k}": v for k, v in remote(back.url).items()}
    )
    started = [front]
    try:
        wait_until(lambda: front.events("start_failed"), "the first start has failed")
        assert front.events("start_failed")[0]["code"] == "remote_unavailable"
        started.append(Service(tmp_path / "back", model_store, {}, port=back.port))
        front.wait_ready()
        (clip,) = clips(speech, "en", 1)
        assert transcribe(front, clip)[0] == 200
        assert front.stop() == 0
    finally:
        for each in started:
            each.end()


def test_a_remote_engine_without_an_address_is_refused_at_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "care_voice", "serve"]
    settings = environment(tmp_path, tmp_path, {"CARE_VOICE_ENGINE__KIND": "remote"})
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "CARE_VOICE_REMOTE__URL" in done.stderr
