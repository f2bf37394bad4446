"""Nodes and workers are killed while people upload and record: no acknowledged byte is lost, and every recording ends
with exactly one transcript, the right one.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.forms import TRANSCRIPTIONS
from support.server import Service
from support.waiting import wait_until

FIRE_S = float(os.environ.get("CHAOS_SECONDS", "15"))
"""The release runs it for a minute."""
NODES = 2
UPLOADERS, RECORDERS = 3, 2
CLIPS = 6
FAULT_EVERY_S = 2.5
GIVE_UP_S = 300.0
UPLOADS, RECORDINGS = "/api/v1/uploads", "/api/v1/recordings"
TUS = {"Tus-Resumable": "1.0.0"}
APPEND = {**TUS, "Content-Type": "application/offset+octet-stream"}
SETTINGS = {
    "TRANSCRIPTION__BEAM_SIZE": "1",
    "ENGINE__THREADS": "1",
    "JOBS__LEASE_S": "4",
    "SUPERVISOR__BACKOFF_FIRST_S": "0.05",
    "SUPERVISOR__BACKOFF_MAX_S": "0.5",
    "SUPERVISOR__MAX_ATTEMPTS": "30",
    "JOBS__MAX_FAILURES": "30",
    "JOBS__BACKOFF_S": "0.2",
}
"""A node dies every few seconds, so that what takes long to be noticed is noticed sooner than by default."""


class Node:
    """A place at which a service runs, again and again."""

    def __init__(self, folder: Path, model_store: Path, settings: dict[str, str]) -> None:
        self._folder, self._models, self._settings = folder, model_store, settings
        self.service = Service(folder, model_store, settings)
        self.deaths = 0

    @property
    def url(self) -> str:
        return self.service.url

    def kill(self) -> None:
        """kill -9, and a new process at the same address."""
        self.service.end()
        self.deaths += 1
        self.service = Service(self._folder, self._models, self._settings, port=self.service.port)

    def kill_a_worker(self, chance: random.Random) -> None:
        victims = [*self.service.workers("engine"), *self.service.workers("media")]
        if victims:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(victims), signal.SIGKILL)


@dataclass
class Kept:
    """What a client knows of a recording: `acknowledged` bytes of `content` are said to be kept."""

    id: str
    clip: Path
    content: bytes
    acknowledged: int = 0


@dataclass
class Fire:
    """All clients, and what they saw."""

    nodes: list[Node]
    clips: list[Path]
    until: float = 0.0
    kept: list[Kept] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def upload(self, number: int) -> None:
        """Upload one clip after the other, in pieces."""
        chance = random.Random(number)
        for clip in itertools.islice(itertools.cycle(self.clips), number, None):
            if time.monotonic() >= self.until:
                return
            content = clip.read_bytes()
            self._send_all(self._begin(clip, content, length=len(content)), chance, 64 * 1024)

    def record(self, number: int) -> None:
        """Record clip after clip, as a microphone would: in small pieces, of a length that nobody knows before."""
        chance = random.Random(100 + number)
        for clip in itertools.islice(itertools.cycle(self.clips), number, None):
            if time.monotonic() >= self.until:
                return
            kept = self._begin(clip, clip.read_bytes(), length=None)
            self._send_all(kept, chance, 12 * 1024)
            self._until_answered(lambda client, kept=kept: self._complete(client, kept), chance)

    def _begin(self, clip: Path, content: bytes, length: int | None) -> Kept:
        metadata = {"filename": clip.name, "language": "en"}
        pairs = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in metadata.items())
        key = {"Idempotency-Key": f"{clip.name}-{random.random()}"}
        size = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
        headers = {**TUS, **size, **key, "Upload-Metadata": pairs}

        def create(client: httpx.Client) -> Kept | None:
            answer = client.post(UPLOADS, headers=headers)
            self._count("create", answer)
            return (
                Kept(answer.headers["Location"].rsplit("/", 1)[1], clip, content) if answer.status_code == 201 else None
            )

        kept = self._until_answered(create, random.Random(clip.name))
        with self.guard:
            self.kept.append(kept)
        return kept

    def _send_all(self, kept: Kept, chance: random.Random, size: int) -> None:
        while kept.acknowledged < len(kept.content):
            self._until_answered(lambda client: self._send(client, kept, size), chance)

    def _send(self, client: httpx.Client, kept: Kept, size: int) -> bool:
        """One piece from where the service is. It may be further than what was acknowledged, and never behind."""
        head = client.head(f"{UPLOADS}/{kept.id}", headers=TUS)
        self._count("head", head)
        if head.status_code != 200:
            return False
        offset = int(head.headers["Upload-Offset"])
        assert kept.acknowledged <= offset <= len(kept.content), f"{kept.id} has lost what was acknowledged"
        kept.acknowledged = offset
        if offset == len(kept.content):
            return True
        answer = client.patch(
            f"{UPLOADS}/{kept.id}", content=kept.content[offset : offset + size],
            headers={**APPEND, "Upload-Offset": str(offset)},
        )  # fmt: skip
        self._count("patch", answer)
        if answer.status_code == 204:
            kept.acknowledged = int(answer.headers["Upload-Offset"])
        return answer.status_code == 204

    def _complete(self, client: httpx.Client, kept: Kept) -> bool:
        answer = client.post(f"{RECORDINGS}/{kept.id}/complete")
        self._count("complete", answer)
        # An answer that was lost may have been a yes.
        return answer.status_code == 200 or answer.json().get("code") == "recording_complete"

    def _until_answered(self, ask: Any, chance: random.Random) -> Any:
        """Ask one node after the other until one says yes: a phone does the same."""
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            node = chance.choice(self.nodes)
            try:
                # Plain HTTP: to read all authorities takes longer than most of what is asked.
                with httpx.Client(base_url=node.url, timeout=20, verify=False) as client:
                    if answer := ask(client):
                        return answer
            except httpx.TransportError as error:
                self._note(type(error).__name__)
            time.sleep(0.05)
        raise AssertionError("no node answered in time")

    def _count(self, what: str, answer: httpx.Response) -> None:
        self._note(f"{what} {answer.status_code}")
        assert answer.status_code < 500 or answer.status_code == 503, f"{what}: {answer.status_code} {answer.text}"

    def _note(self, what: str) -> None:
        with self.guard:
            self.seen[what] += 1


def burn(nodes: list[Node], seconds: float) -> Counter[str]:
    """Every few seconds a node or one of its workers dies; one node is always left alone until the others are back."""
    chance, faults = random.Random(5), Counter[str]()
    until = time.monotonic() + seconds
    turn = itertools.cycle(["node", "worker"])
    while time.monotonic() < until:
        time.sleep(min(FAULT_EVERY_S, max(0.0, until - time.monotonic())))
        node, kind = chance.choice(nodes), next(turn)
        if kind == "node" and all(other.service.is_ready() for other in nodes if other is not node):
            node.kill()
            faults["node"] += 1
        else:
            node.kill_a_worker(chance)
            faults["worker"] += 1
    return faults


def short_clips(speech: Path) -> list[Path]:
    rows = [json.loads(line) for line in (speech / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    english = [row for row in rows if row["language"] == "en" and row["kind"] == "utterance" and row["score_text"]]
    return [speech / row["file"] for row in sorted(english, key=lambda row: float(row["duration_s"]))[:CLIPS]]


@contextmanager
def running_nodes(tmp_path: Path, model_store: Path, url: str) -> Iterator[list[Node]]:
    shared = {"STORE__URL": url, "AUDIO__DIRECTORY": str(tmp_path / "audio"), **SETTINGS}
    settings = {f"CARE_VOICE_{name}": value for name, value in shared.items()}
    nodes = [Node(tmp_path / f"node-{n}", model_store, settings) for n in range(NODES)]
    try:
        for node in nodes:
            node.service.wait_ready()
        yield nodes
    except BaseException:
        for node in nodes:
            print(f"--- {node.service.log} ---\n{node.service.log_text()[-8000:]}")
        raise
    finally:
        for node in nodes:
            node.service.end()


def right_text(client: httpx.Client, clip: Path) -> str:
    form = {"model": "base", "language": "en"}
    answer = client.post(TRANSCRIPTIONS, files={"file": ("clip", clip.read_bytes())}, data=form)
    return str(answer.json()["text"])


@pytest.mark.timeout(600 + 4 * FIRE_S)
def test_nothing_acknowledged_is_lost_and_every_recording_is_transcribed_once(
    model_store: Path, tmp_path: Path, speech: Path, postgres_url: str
) -> None:
    with running_nodes(tmp_path, model_store, postgres_url) as nodes:
        clips = short_clips(speech)
        right = {clip: right_text(nodes[0].service.client, clip) for clip in clips}
        fire = Fire(nodes, clips, until=time.monotonic() + FIRE_S)
        with ThreadPoolExecutor() as pool:
            clients = [pool.submit(fire.upload, n) for n in range(UPLOADERS)]
            clients += [pool.submit(fire.record, n) for n in range(RECORDERS)]
            faults = burn(nodes, FIRE_S)
            for client in clients:
                client.result()
        for node in nodes:
            node.service.wait_ready()

        client = nodes[0].service.client
        for kept in fire.kept:
            wait_until(lambda kept=kept: ended(client, kept.id), f"{kept.id} is transcribed", GIVE_UP_S)
        assert [problem for kept in fire.kept for problem in problems(client, kept, right)] == []
        assert len(fire.kept) >= UPLOADERS + RECORDERS
        assert faults["node"] >= 1
        print(f"{len(fire.kept)} recordings under {dict(faults)}: {dict(sorted(fire.seen.items()))}")


def ended(client: httpx.Client, recording_id: str) -> bool:
    jobs = client.get(f"{RECORDINGS}/{recording_id}/jobs").json()["items"]
    return bool(jobs) and all(job["state"] not in ("queued", "running") for job in jobs)


def problems(client: httpx.Client, kept: Kept, right: dict[Path, str]) -> Iterator[str]:
    """What is wrong with a recording in the end."""
    sound = client.get(f"{RECORDINGS}/{kept.id}/audio").content
    if hashlib.sha256(sound).digest() != hashlib.sha256(kept.content).digest():
        yield f"{kept.id}: the sound is not what was sent"
    states = [
        (job["kind"], job["state"], job["error"]) for job in client.get(f"{RECORDINGS}/{kept.id}/jobs").json()["items"]
    ]
    if any(state != "done" for _, state, _ in states) or [kind for kind, _, _ in states].count("transcribe") != 1:
        yield f"{kept.id}: {states}"
    versions = client.get(f"{RECORDINGS}/{kept.id}/transcripts").json()["items"]
    if len(versions) != 1:
        yield f"{kept.id}: {len(versions)} transcripts"
        return
    segments = client.get(f"{RECORDINGS}/{kept.id}/transcripts/current").json()["segments"]
    text = " ".join(segment["text"].strip() for segment in segments)
    if text != right[kept.clip].strip():
        yield f"{kept.id}: {text!r}, not {right[kept.clip]!r}"
