"""`kill -9` of the engine worker costs nobody an answer."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.server import Service
from support.waiting import wait_until

CLIENTS = 10


def clips(speech: Path) -> list[Path]:
    rows = [json.loads(line) for line in (speech / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    english = [row for row in rows if row["language"] == "en" and row["kind"] == "utterance" and row["score_text"]]
    return [speech / row["file"] for row in english[:CLIENTS]]


def transcribe(service: Service, clip: Path) -> tuple[int, str]:
    with clip.open("rb") as file:
        answer = service.client.post(
            "/v1/audio/transcriptions", files={"file": file}, data={"model": "base", "language": "en"}
        )
    return answer.status_code, str(answer.json().get("text"))


def test_ten_concurrent_requests_all_get_the_right_answer_when_the_engine_worker_is_killed(
    service: Service, speech: Path
) -> None:
    chosen = clips(speech)
    right = [transcribe(service, clip) for clip in chosen]
    (first_worker,) = service.workers("engine")
    retried = service.metric("care_voice_work_retried_total", role="engine")
    decoded = service.metric("care_voice_windows_total")
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [pool.submit(transcribe, service, clip) for clip in chosen]
        wait_until(
            lambda: (
                service.metric("care_voice_windows_total") >= decoded + 2
                and service.metric("care_voice_windows_queued") >= 2
            ),
            "the work is well under way",
        )
        os.kill(first_worker, signal.SIGKILL)
        assert [answer.result() for answer in answers] == right
    assert all(status == 200 and text for status, text in right)
    assert service.metric("care_voice_work_retried_total", role="engine") == retried + 1
    assert service.workers("engine") != [first_worker]
