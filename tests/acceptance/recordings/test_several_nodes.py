"""Three services on one PostgreSQL: they share the work, a killed one is replaced, the database may be restarted."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from care_voice.models.report import Verified
from support import sound
from support.counting_worker import COUNTS_VARIABLE, PACE_VARIABLE, read_counts
from support.databases import PostgresServer
from support.parrot import save_parrot
from support.server import Service
from support.waiting import wait_until

NODES = 3
TALKS = 6
TALK_S = 100
RECORDINGS, JOBS = "/api/v1/recordings", "/api/v1/jobs"


@pytest.fixture
def nodes(verified_model: Verified, tmp_path: Path, postgres_url: str) -> Iterator[list[Service]]:
    store = tmp_path / "store"
    store.mkdir()
    parrot = save_parrot(tmp_path / "parrot", verified_model.view)
    (store / "models.toml").write_text(f'[models.parrot]\ndirectory = "{parrot}"\n', encoding="utf-8")
    tests = str(Path(__file__).resolve().parents[2])
    settings = {
        "CARE_VOICE_MODEL": "parrot",
        "CARE_VOICE_TRANSCRIPTION__BEAM_SIZE": "1",
        "CARE_VOICE_STORE__URL": postgres_url,
        "CARE_VOICE_AUDIO__DIRECTORY": str(tmp_path / "audio"),
        "CARE_VOICE_JOBS__INTERACTIVE": "1",
        "CARE_VOICE_JOBS__LEASE_S": "2",
        "CARE_VOICE_JOBS__BACKOFF_S": "0.1",
        "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")]),
        COUNTS_VARIABLE: str(tmp_path / "counts"),
        PACE_VARIABLE: "0.3",
    }
    started = [Service(tmp_path / f"node-{n}", store, settings, "support.counting_service") for n in range(NODES)]
    try:
        for service in started:
            service.wait_ready()
        yield started
    except BaseException:
        for service in started:
            print(f"--- log of a node ---\n{service.log_text()[-5_000:]}")
        raise
    finally:
        for service in started:
            service.end()


def send(service: Service, talk: bytes) -> str:
    # A translation: the words of a transcript would be looked for where speech was heard.
    data = {"language": "en", "task": "translate"}
    answer = service.client.post(RECORDINGS, files={"file": ("talk.wav", talk)}, data=data)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def job_of(service: Service, recording_id: str) -> dict[str, Any]:
    jobs = service.client.get(f"{RECORDINGS}/{recording_id}/jobs").json()["items"]
    found: dict[str, Any] = next(job for job in jobs if job["kind"] == "transcribe")
    return found


def all_done(service: Service, recording_ids: list[str]) -> bool:
    states = Counter(job_of(service, recording_id)["state"] for recording_id in recording_ids)
    assert not states["failed"]
    return states["done"] == len(recording_ids)


def transcripts(service: Service, recording_ids: list[str]) -> list[list[tuple[float, float, str]]]:
    found = []
    for recording_id in recording_ids:
        path = f"{RECORDINGS}/{recording_id}/transcripts"
        assert len(service.client.get(path).json()["items"]) == 1
        segments = service.client.get(f"{path}/current").json()["segments"]
        found.append([(each["start"], each["end"], each["text"]) for each in segments])
    return found


def in_hand(service: Service) -> dict[int, int]:
    """How many jobs each node works on, by its process."""
    return {node["pid"]: node["jobs"] for node in service.client.get("/api/v1/nodes").json()["items"]}


def talk_of(speech: Path) -> bytes:
    pieces = [sound.decoded(clip) for clip in sorted((speech / "en").glob("ls-*.flac"))[:12]]
    return sound.wav(np.resize(np.concatenate(pieces), TALK_S * sound.RATE))


@pytest.mark.timeout(300)
def test_a_killed_node_is_replaced_and_no_window_comes_twice(
    nodes: list[Service], speech: Path, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    talk = talk_of(speech)
    sent = [send(nodes[n % NODES], talk) for n in range(TALKS)]
    first, second, victim = nodes
    pids = [service.process.pid for service in nodes]
    wait_until(lambda: all(in_hand(first).get(pid) for pid in pids), "all nodes have work in hand")
    victim.process.kill()
    begun = {event["job_id"] for event in victim.events("job_started")}
    running = [job for recording_id in sent if (job := job_of(first, recording_id))["state"] == "running"]
    held = [job["id"] for job in running if job["id"] in begun]

    more = [send(service, talk) for service in (first, second)]
    # What a loss of power does, in the middle of the work.
    postgres_server.restart()
    wait_until(lambda: all_done(first, [*sent, *more]), "every recording is transcribed", 120)

    said = transcripts(second, [*sent, *more])
    assert len(said[0]) > TALK_S / 30
    assert all(each == said[0] for each in said)
    jobs = {recording_id: job_of(first, recording_id) for recording_id in [*sent, *more]}
    assert held
    assert {job["attempt"] for job in jobs.values() if job["id"] in held} == {2}
    again = [read_counts(tmp_path / "counts", job["id"]).again() for job in jobs.values()]
    assert sum(begun for begun, _ in again) <= 1, "more was computed again than the window that the dead node had"
