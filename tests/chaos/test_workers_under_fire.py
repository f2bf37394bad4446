"""Workers that are killed, stopped and hang while people use the service: every request is answered, and rightly."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import statistics
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from support.forms import TRANSCRIPTIONS
from support.processes import is_running
from support.server import Service, running_service
from support.waiting import wait_until

CLIENTS = 16
FIRE_S = float(os.environ.get("CHAOS_SECONDS", "20"))
"""The release runs it for a minute."""
RECOVERY = {
    "ENGINE__WORKERS": "5",
    "ENGINE__THREADS": "1",
    "SUPERVISOR__HEARTBEAT_TIMEOUT_S": "2.5",
    "SUPERVISOR__HANG_TIMEOUT_S": "5",
    "TRANSCRIPTION__BEAM_SIZE": "1",
    "SUPERVISOR__BACKOFF_FIRST_S": "0.05",
    "SUPERVISOR__BACKOFF_MAX_S": "0.5",
    "SUPERVISOR__MAX_ATTEMPTS": "30",
}
"""A fault comes every second, so what takes seconds to notice is noticed sooner than by default."""


@dataclass
class Burst:
    """What the clients asked and what they were told."""

    service: Service
    right: dict[Path, str]
    ended: threading.Event = field(default_factory=threading.Event)
    sent: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def client(self, number: int) -> None:
        """Ask without pause until the end."""
        clips = itertools.islice(itertools.cycle(self.right), number, None)
        with httpx.Client(base_url=self.service.url, timeout=110) as client:
            while not self.ended.is_set():
                self._ask(client, next(clips))

    def _ask(self, client: httpx.Client, clip: Path) -> None:
        request_id, began = uuid.uuid4().hex, time.monotonic()
        self.sent.append(request_id)
        answer = transcribe(client, clip, request_id)
        self.seconds.append(time.monotonic() - began)
        if answer.headers["x-request-id"] != request_id or answer.json().get("text") != self.right[clip]:
            self.wrong.append(f"{clip.name}: {answer.status_code} {answer.text}")


def transcribe(client: httpx.Client, clip: Path, request_id: str = "") -> httpx.Response:
    return client.post(
        TRANSCRIPTIONS,
        files={"file": ("clip", clip.read_bytes())},
        data={"model": "base", "language": "en"},
        headers={"X-Request-ID": request_id} if request_id else {},
    )


def clips(speech: Path, count: int) -> list[Path]:
    rows = [json.loads(line) for line in (speech / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    english = [row for row in rows if row["language"] == "en" and row["kind"] == "utterance" and row["score_text"]]
    return [speech / row["file"] for row in sorted(english, key=lambda row: float(row["duration_s"]))[:count]]


def open_fire(service: Service, faults: Path, seconds: float) -> Counter[str]:
    """A fault each second: kill -9, SIGSTOP, a crash, a hang in native code with and without the interpreter."""
    chance, committed = random.Random(4), Counter[str]()
    kinds = itertools.cycle(
        ["kill", "stop", "hang", "kill a media worker", "crash", "kill", "hang-with-the-interpreter", "stop"]
    )
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        kind = next(kinds)
        victims = service.workers("media" if kind == "kill a media worker" else "engine")
        if kind in ("kill", "stop", "kill a media worker"):
            if victims:
                with suppress(ProcessLookupError):
                    os.kill(chance.choice(victims), signal.SIGSTOP if kind == "stop" else signal.SIGKILL)
        else:
            (faults / kind).touch()
        committed[kind] += 1
        time.sleep(1)
    return committed


@pytest.mark.timeout(300 + FIRE_S)
def test_every_request_is_answered_rightly_while_workers_die_and_hang(
    model_store: Path, tmp_path: Path, speech: Path
) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    with running_service(tmp_path / "data", model_store, faults, **RECOVERY) as service:
        right = {clip: transcribe(service.client, clip).json()["text"] for clip in clips(speech, CLIENTS)}
        burst = Burst(service, right)
        counted = service.metric("care_voice_transcriptions_total", outcome="done")
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(burst.client, number) for number in range(CLIENTS)]
            try:
                committed = open_fire(service, faults, FIRE_S)
            finally:
                burst.ended.set()
            for client in clients:
                client.result()

        assert burst.wrong == []
        assert sum(committed.values()) >= FIRE_S * 0.7
        assert len(burst.seconds) == len(burst.sent) >= CLIENTS
        assert service.metric("care_voice_transcriptions_total", outcome="done") == counted + len(burst.sent)
        ended = Counter(line["request_id"] for line in service.events("transcription_ended"))
        assert all(ended[request_id] == 1 for request_id in burst.sent), "one was lost or doubled"
        for fault in faults.iterdir():
            fault.unlink()
        wait_until(lambda: len(service.workers("engine")) == 5 and service.is_ready(), "all workers are back")
        assert service.metric("care_voice_windows_queued") == 0
        calm = Burst(service, right)
        for clip in right:
            calm._ask(service.client, clip)
        assert calm.wrong == []
        assert max(calm.seconds) < max(burst.seconds), "the latency has recovered"
        print(
            f"{len(burst.sent)} requests under {sum(committed.values())} faults, median "
            f"{statistics.median(burst.seconds):.2f} s, longest {max(burst.seconds):.2f} s; afterwards one client, "
            f"median {statistics.median(calm.seconds):.2f} s"
        )


@pytest.mark.parametrize("fault", ["hang", "hang-with-the-interpreter"])
def test_no_worker_that_hangs_in_native_code_outlives_a_killed_service(
    model_store: Path, tmp_path: Path, speech: Path, fault: str
) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    with running_service(tmp_path / "data", model_store, faults) as service, ThreadPoolExecutor() as pool:
        workers = [*service.workers("engine"), *service.workers("media")]
        (faults / fault).touch()
        asked = pool.submit(transcribe, service.client, speech / "en/jfk.flac")
        wait_until(lambda: not (faults / fault).exists(), "a worker hangs")
        service.process.kill()
        service.process.wait(30)

        wait_until(lambda: not any(is_running(pid) for pid in workers), "every worker is gone", 10)
        with pytest.raises(httpx.TransportError):
            asked.result(30)


def test_a_native_hang_is_noticed_by_the_cpu_time_and_not_by_the_limit_of_a_window(
    model_store: Path, tmp_path: Path, speech: Path
) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    limits = {"SUPERVISOR__HANG_TIMEOUT_S": "3", "SUPERVISOR__WINDOW_TIMEOUT_S": "3600"}
    with running_service(tmp_path / "data", model_store, faults, **limits) as service:
        hanging = service.workers("engine")
        (faults / "hang").touch()
        answer = transcribe(service.client, speech / "en/jfk.flac")

        assert "ask what you can do for your country" in answer.json()["text"]
        assert service.metric("care_voice_worker_exits_total", role="engine", cause="hang") == 1
        assert service.workers("engine") != hanging


def test_the_guilty_window_is_found_among_those_that_were_computed_with_it(
    model_store: Path, tmp_path: Path, speech: Path
) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    chosen = clips(speech, 6)
    with (
        running_service(tmp_path / "data", model_store, faults, 8, **{**RECOVERY, "ENGINE__WORKERS": "1"}) as service,
        ThreadPoolExecutor(8) as pool,
    ):
        right = [transcribe(service.client, clip).json()["text"] for clip in chosen]
        (worker,) = service.workers("engine")
        os.kill(worker, signal.SIGSTOP)
        innocent = [pool.submit(transcribe, service.client, clip) for clip in chosen]
        data = {"model": "base", "language": "en", "prompt": "guilty"}
        wait_until(lambda: service.metric("care_voice_transcriptions_in_progress") == 6, "all are in hand")
        guilty = pool.submit(
            service.client.post, TRANSCRIPTIONS, data=data, files={"file": ("a", chosen[0].read_bytes())}
        )
        wait_until(lambda: service.metric("care_voice_transcriptions_in_progress") == 7, "the guilty one is in hand")
        os.kill(worker, signal.SIGCONT)

        assert [answer.result(60).json()["text"] for answer in innocent] == right
        answer = guilty.result(60)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "window_quarantined")
        assert service.metric("care_voice_worker_exits_total", role="engine", cause="crashed") == 2


def test_a_crash_loop_is_shown_and_ends(model_store: Path, tmp_path: Path, speech: Path) -> None:
    faults = tmp_path / "faults"
    faults.mkdir()
    with running_service(tmp_path / "data", model_store, faults, SUPERVISOR__BACKOFF_FIRST_S="0.05") as service:
        assert service.client.get("/health/ready").json()["crash_looping"] is None
        for _ in range(3):
            (faults / "crash").touch()
            assert transcribe(service.client, speech / "en/jfk.flac", uuid.uuid4().hex).status_code == 200

        health = service.client.get("/health/ready")
        assert health.status_code == 200
        assert health.json()["crash_looping"] == {"count": 3, "last_cause": "crashed"}
        assert service.metric("care_voice_worker_crash_looping", slot="engine-0") == 3
