"""A recording that kills its worker each time ends as failed with its reason, and the queue goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.faulty_worker import GUILTY, POISON
from support.server import Service, running_service
from support.waiting import wait_until

RECORDINGS = "/api/v1/recordings"


@pytest.fixture
def service(model_store: Path, tmp_path: Path) -> Iterator[Service]:
    faults = tmp_path / "faults"
    faults.mkdir()
    settings = {"SUPERVISOR__BACKOFF_MAX_S": "0.5", "TRANSCRIPTION__PROFILE": "fast", "JOBS__INTERACTIVE": "1"}
    with running_service(tmp_path / "data", model_store, faults, **settings) as running:
        yield running


def send(service: Service, content: bytes, **fields: str) -> str:
    files = {"file": ("talk.flac", content)}
    answer = service.client.post(RECORDINGS, files=files, data={"language": "en", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ended(service: Service, recording_id: str) -> dict[str, Any]:
    """Its job of transcription, once that has ended."""

    def look() -> dict[str, Any] | None:
        jobs = service.client.get(f"{RECORDINGS}/{recording_id}/jobs").json()["items"]
        job: dict[str, Any] = next(job for job in jobs if job["kind"] == "transcribe")
        return None if job["state"] in ("queued", "running") else job

    return wait_until(look, "the job has ended")


def test_poison_fails_with_its_reason_and_what_waits_behind_it_is_transcribed(service: Service, speech: Path) -> None:
    clip = (speech / "en/jfk.flac").read_bytes()
    # One at a time, so that each waits for the one before.
    for_the_decoder = send(service, POISON + clip)
    for_the_engine = send(service, clip, prompt=GUILTY)
    good = send(service, clip)

    assert ended(service, good)["state"] == "done"
    decoder, engine = ended(service, for_the_decoder), ended(service, for_the_engine)
    assert (decoder["state"], decoder["error"]["code"]) == ("failed", "media_crashed_decoder")
    assert (engine["state"], engine["error"]["code"]) == ("failed", "window_quarantined")
    # A second attempt where the sound was moved into one object between the deaths of two workers.
    assert max(decoder["attempt"], engine["attempt"]) <= 2
    assert decoder["error"]["message"]
    assert decoder["error"]["hint"]
    heard = service.client.get(f"{RECORDINGS}/{good}/transcripts/current").json()
    assert "ask what you can do for your country" in " ".join(each["text"] for each in heard["segments"]).lower()
    for lost in (for_the_decoder, for_the_engine):
        assert service.client.get(f"{RECORDINGS}/{lost}/transcripts").json()["items"] == []
        assert service.client.get(f"{RECORDINGS}/{lost}").json()["state"] == "complete"
