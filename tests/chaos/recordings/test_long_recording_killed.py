"""A long recording whose service is killed again and again: computed at most one window twice a kill, and rightly.

The model says the same to whatever it hears, in milliseconds; each window is made to take a while, so that kills fall
into the middle of one. What is counted is counted in the workers, before the service hears of it.
"""

from __future__ import annotations

import itertools
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from care_voice.models.report import Verified
from support import sound
from support.counting_worker import COUNTS_VARIABLE, PACE_VARIABLE, read_counts
from support.parrot import save_parrot
from support.server import Service
from support.waiting import wait_until

MINUTES = float(os.environ.get("CHAOS_RECORDING_MINUTES", "12"))
KILLS = int(os.environ.get("CHAOS_KILLS", "4"))
"""The release takes two hours and ten kills."""
SEED = int(os.environ.get("CHAOS_SEED", "20"))
PACE_S = 0.25
BLOCK_S = 120
RECORDINGS, JOBS = "/api/v1/recordings", "/api/v1/jobs"


def dictation(speech: Path) -> bytes:
    """People who read, with pauses, over and over, as MP3."""
    pieces: list[sound.Pcm] = []
    clips = itertools.cycle(sorted((speech / "en").glob("ls-*.flac"))[:12])
    while sum(map(len, pieces)) < BLOCK_S * sound.RATE:
        pieces += [sound.decoded(next(clips)), sound.silence(2.0)]
    return sound.mp3(np.concatenate(pieces)[: BLOCK_S * sound.RATE]) * round(MINUTES * 60 / BLOCK_S)


class Killed:
    """A service at one place, which is killed and started again there."""

    def __init__(self, folder: Path, store: Path) -> None:
        self.counts = folder / "counts"
        self._start = (folder / "data", store)
        self._settings = {
            "CARE_VOICE_MODEL": "parrot",
            "CARE_VOICE_TRANSCRIPTION__BEAM_SIZE": "1",
            "CARE_VOICE_JOBS__BACKOFF_S": "0.1",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            COUNTS_VARIABLE: str(self.counts),
            PACE_VARIABLE: str(PACE_S),
        }
        tests = str(Path(__file__).resolve().parents[2])
        self._settings["PYTHONPATH"] = os.pathsep.join([tests, self._settings["PYTHONPATH"]])
        self.service = self._new()

    def _new(self, port: int | None = None) -> Service:
        return Service(*self._start, self._settings, "support.counting_service", port=port)

    def kill(self) -> None:
        """SIGKILL, and a new process."""
        self.service.end()
        self.service = self._new(self.service.port)
        self.service.wait_ready()

    def computed(self, job_id: str) -> int:
        return len(read_counts(self.counts, job_id).computed)


@pytest.fixture
def killed(verified_model: Verified, tmp_path: Path) -> Iterator[Killed]:
    store = tmp_path / "store"
    store.mkdir()
    parrot = save_parrot(tmp_path / "parrot", verified_model.view)
    (store / "models.toml").write_text(f'[models.parrot]\ndirectory = "{parrot}"\n', encoding="utf-8")
    made = Killed(tmp_path, store)
    try:
        made.service.wait_ready()
        yield made
    except BaseException:
        print(f"--- log of the service ---\n{made.service.log_text()[-10_000:]}")
        raise
    finally:
        made.service.end()


def job_named(service: Service, job_id: str) -> dict[str, Any]:
    job: dict[str, Any] = service.client.get(f"{JOBS}/{job_id}").json()
    return job


def wait_for_the_end(service: Service, job_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job = job_named(service, job_id)
        return None if job["state"] in ("queued", "running") else job

    return wait_until(look, "the job has ended", 60 + MINUTES * 10)


def spoken(service: Service, recording_id: str, number: int) -> list[tuple[object, ...]]:
    """All that a transcript says and when, to the last digit."""
    query = {"words": "true", "limit": "10000"}
    answer = service.client.get(f"{RECORDINGS}/{recording_id}/transcripts/{number}", params=query).json()
    assert answer["next"] is None
    return [(each["start"], each["end"], each["text"], str(each["words"])) for each in answer["segments"]]


@pytest.mark.timeout(1800)
def test_each_kill_costs_at_most_one_window(killed: Killed, speech: Path) -> None:
    chance, service = random.Random(SEED), killed.service
    # A translation: the words of a transcript would be looked for where speech was heard.
    options = {"language": "en", "task": "translate"}
    content = dictation(speech)
    answer = service.client.post(RECORDINGS, files={"file": ("talk.mp3", content)}, data=options)
    assert answer.status_code == 201, answer.text
    recording_id = answer.json()["id"]
    job_id = next(
        job["id"] for job in service.client.get(f"{RECORDINGS}/{recording_id}/jobs").json()["items"]
        if job["kind"] == "transcribe"
    )  # fmt: skip

    fewest = round(MINUTES * 60 / 30)
    for kills in range(KILLS):
        some = kills * fewest // KILLS + chance.randrange(1, max(2, fewest // KILLS))
        wait_until(lambda some=some: killed.computed(job_id) >= some, f"{some} windows are computed", 300)  # type: ignore[misc]
        time.sleep(chance.uniform(0, PACE_S))  # anywhere within a window
        killed.kill()
    job = wait_for_the_end(killed.service, job_id)
    assert (job["state"], job["error"]) == ("done", None)

    counts = read_counts(killed.counts, job_id)
    begun_again, computed_again = counts.again()
    print(
        f"{MINUTES:g} min, {KILLS} kills, {job['attempt']} attempts: {len(counts.computed)} windows,"
        f" {begun_again} begun and {computed_again} computed more than once"
    )
    assert job["attempt"] == KILLS + 1
    assert computed_again <= begun_again <= KILLS
    assert set(counts.begun) == set(counts.computed)

    again = killed.service.client.post(f"{RECORDINGS}/{recording_id}/jobs", json=options).json()
    assert wait_for_the_end(killed.service, again["id"])["attempt"] == 1
    uninterrupted = read_counts(killed.counts, again["id"])
    assert uninterrupted.again() == (0, 0)
    assert {place for _, place in uninterrupted.computed} == {place for _, place in counts.computed}
    words = spoken(killed.service, recording_id, 1)
    assert len(words) > fewest
    assert words == spoken(killed.service, recording_id, 2)
