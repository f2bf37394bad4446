"""A real Care Voice whose windows are decoded by another real Care Voice."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.server import Service, free_port, running_service
from support.waiting import wait_until

CLIENTS = 6
KEY = "sk-care-voice-secret-of-this-test"
QUICK = {"REMOTE__BREAKER__OPEN_S": "0.2", "REMOTE__BREAKER__OPEN_MAX_S": "1", "REMOTE__BACKOFF_FIRST_S": "0.05"}


def remote(url: str, **settings: str) -> dict[str, str]:
    return {"ENGINE__KIND": "remote", "REMOTE__URL": f"{url}/v1", "REMOTE__API_KEY": KEY, **QUICK, **settings}


@pytest.fixture
def front(service: Service, tmp_path: Path) -> Iterator[Service]:
    """Serves a model of a name of its own, without a store that could have one; the shared service decodes."""
    settings = remote(service.url, MODEL="clinic", REMOTE__MODEL="base")
    with running_service(tmp_path / "front", tmp_path / "no-models", **settings) as running:
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
