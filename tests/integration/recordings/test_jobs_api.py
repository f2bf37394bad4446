"""Jobs over HTTP against the real service: how they are followed, asked for again, cancelled, and how they fail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.events import Event, read_events
from support.server import Service
from support.waiting import wait_until

RECORDINGS, JOBS = "/api/v1/recordings", "/api/v1/jobs"
ENDS = {"job.done", "job.failed", "job.cancelled"}


def sent(service: Service, content: bytes, name: str = "talk.flac", **fields: str) -> str:
    """A recording that was sent as a form."""
    answer = service.client.post(RECORDINGS, files={"file": (name, content)}, data={"language": "en", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def followed(service: Service, recording_id: str, after: int = 0) -> Iterator[Event]:
    headers = {"Last-Event-ID": str(after)} if after else {}
    with service.client.stream("GET", f"{RECORDINGS}/{recording_id}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield from read_events(line for line in answer.iter_lines() if not line.startswith("retry"))


def until_ended(service: Service, recording_id: str, job_id: str, after: int = 0) -> list[Event]:
    """The events up to the end of a job."""
    found: list[Event] = []
    for event in followed(service, recording_id, after):
        found.append(event)
        if event.name in ENDS and event.data["job_id"] == job_id:
            return found
    raise AssertionError("the stream ended before the job")


def job_of(service: Service, recording_id: str, kind: str = "transcribe") -> dict[str, Any]:
    jobs = service.client.get(f"{RECORDINGS}/{recording_id}/jobs").json()["items"]
    return next(job for job in jobs if job["kind"] == kind)


def ended(service: Service, job_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = service.client.get(f"{JOBS}/{job_id}").json()
        return None if job["state"] in ("queued", "running") else job

    return wait_until(look, f"the job {job_id} has ended")


@pytest.fixture(scope="module")
def spoken(service: Service, speech: Path) -> str:
    """A recording that is transcribed."""
    recording_id = sent(service, (speech / "en/jfk.flac").read_bytes())
    until_ended(service, recording_id, job_of(service, recording_id)["id"])
    return recording_id


def test_a_recording_is_transcribed_and_its_events_tell_of_it(service: Service, spoken: str) -> None:
    job = job_of(service, spoken)
    assert (job["state"], job["attempt"], job["error"], job["model"]) == ("done", 1, None, None)
    assert job["options"]["language"] == "en"
    assert job["progress"]["done_s"] == pytest.approx(11.0, abs=1.0)

    told = until_ended(service, spoken, job["id"])
    assert [int(event.id) for event in told] == list(range(1, len(told) + 1))
    names = [event.name for event in told if event.data.get("job_id") == job["id"]]
    assert names == ["job.queued", "job.started", "job.progress", "transcript.created", "job.done"]
    text = service.client.get(f"{RECORDINGS}/{spoken}/transcripts/current").json()
    assert "ask not what your country" in str(text).lower()


def test_a_follower_that_comes_back_gets_what_it_missed_and_no_more(service: Service, spoken: str) -> None:
    job = job_of(service, spoken)
    told = until_ended(service, spoken, job["id"])
    seen = len(told) // 2

    assert until_ended(service, spoken, job["id"], after=seen) == told[seen:]
    by_query = service.client.build_request("GET", f"{RECORDINGS}/{spoken}/events?after={seen}")
    answer = service.client.send(by_query, stream=True)
    try:
        lines = (line for line in answer.iter_lines() if not line.startswith("retry"))
        assert next(read_events(lines)) == told[seen]
    finally:
        answer.close()


def test_a_follower_hears_of_what_happens_now(service: Service, spoken: str) -> None:
    last = int(until_ended(service, spoken, job_of(service, spoken)["id"])[-1].id)
    path = f"{RECORDINGS}/{spoken}"
    # Only the end of this job ends it, however it ends and whatever else happens to the recording meanwhile.
    client = httpx.Client(base_url=service.url, timeout=service.client.timeout)
    with client, client.stream("GET", f"{path}/events?after={last}") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry")  # it listens
        job = service.client.post(f"{path}/jobs", json={"language": "en", "profile": "fast"}).json()
        events = (event for event in read_events(lines) if event.data.get("job_id") == job["id"])
        heard = []
        for event in events:
            heard.append(event.name)
            if event.name in ENDS:
                break
    assert (heard[:2], heard[-1]) == (["job.queued", "job.started"], "job.done")


def test_a_recording_is_transcribed_again_and_both_transcripts_stay(service: Service, spoken: str) -> None:
    before = service.client.get(f"{RECORDINGS}/{spoken}/transcripts").json()["items"]
    asked = {
        "json": {"language": "en", "task": "translate", "profile": "fast"},
        "headers": {"Idempotency-Key": "again"},
    }
    first = service.client.post(f"{RECORDINGS}/{spoken}/jobs", **asked)  # type: ignore[arg-type]
    second = service.client.post(f"{RECORDINGS}/{spoken}/jobs", **asked)  # type: ignore[arg-type]
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.headers["location"] == f"{JOBS}/{first.json()['id']}"

    assert ended(service, first.json()["id"])["state"] == "done"
    after = service.client.get(f"{RECORDINGS}/{spoken}/transcripts").json()["items"]
    assert len(after) == len(before) + 1

    other = service.client.post(
        f"{RECORDINGS}/{spoken}/jobs", json={"language": "en"}, headers={"Idempotency-Key": "again"}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "nobody"}, 404, "model_not_found"),
        ({"language": "xx"}, 400, "invalid_parameter"),
        ({"title": "no"}, 400, "unsupported_parameter"),
    ],
)
def test_what_cannot_be_done_is_refused_at_once(
    service: Service, spoken: str, body: dict[str, str], status: int, code: str
) -> None:
    answer = service.client.post(f"{RECORDINGS}/{spoken}/jobs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_corrupt_audio_fails_with_its_reason_and_others_go_on(service: Service, speech: Path) -> None:
    broken = sent(service, b"RIFF, but no sound at all" * 1000, "broken.wav")
    fine = sent(service, (speech / "en/jfk.flac").read_bytes())
    job = ended(service, job_of(service, broken)["id"])
    assert (job["state"], job["error"]["code"], job["attempt"]) == ("failed", "unreadable_media", 1)
    assert job["error"]["hint"]
    told = until_ended(service, broken, job["id"])
    assert (told[-1].name, told[-1].data["code"]) == ("job.failed", "unreadable_media")
    assert ended(service, job_of(service, fine)["id"])["state"] == "done"

    again = service.client.post(f"{JOBS}/{job['id']}/retry")
    assert (again.status_code, again.json()["state"], again.json()["error"]) == (200, "queued", None)
    assert ended(service, job["id"])["attempt"] == 2


def test_a_job_that_ended_cannot_be_cancelled(service: Service, spoken: str) -> None:
    answer = service.client.post(f"{JOBS}/{job_of(service, spoken)['id']}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_not_active")


def test_a_long_job_is_cancelled_and_goes_on_later_from_where_it_was(service: Service, speech: Path) -> None:
    recording_id = sent(service, (speech / "long/printing-lj001.mp3").read_bytes(), "talk.mp3", profile="fast")
    job = job_of(service, recording_id)
    for event in followed(service, recording_id):
        if event.name == "job.progress" and event.data["done_s"] > 0 and event.data["job_id"] == job["id"]:
            break
    cancelled = service.client.post(f"{JOBS}/{job['id']}/cancel").json()
    assert cancelled["state"] == "cancelled" or cancelled["cancel_requested"]
    stopped = ended(service, job["id"])
    assert stopped["state"] == "cancelled"
    assert 0 < stopped["progress"]["done_s"] < 230

    service.client.post(f"{JOBS}/{job['id']}/retry")
    told = []
    for event in followed(service, recording_id, _last_id(service, recording_id)):
        told.append(event)
        if event.name == "job.progress" and event.data["job_id"] == job["id"]:
            break
    assert told[-1].data["done_s"] > stopped["progress"]["done_s"]
    service.client.post(f"{JOBS}/{job['id']}/cancel")
    ended(service, job["id"])


def _last_id(service: Service, recording_id: str) -> int:
    """The number of the last event of a cancel."""
    for event in followed(service, recording_id):
        if event.name == "job.cancelled":
            return int(event.id)
    raise AssertionError("nothing was cancelled")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{RECORDINGS}/rec_nobody/events", 404, "recording_not_found"),
        (f"{RECORDINGS}/rec_nobody/jobs", 404, "recording_not_found"),
        (f"{JOBS}/job_nobody", 404, "job_not_found"),
        (f"{RECORDINGS}/rec_nobody/events?after=x", 400, "invalid_parameter"),
    ],
)
def test_what_is_not_there_is_told(service: Service, path: str, status: int, code: str) -> None:
    answer = service.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_node_is_listed(service: Service) -> None:
    (node,) = service.client.get("/api/v1/nodes").json()["items"]
    assert node["pid"] == service.process.pid
    assert node["jobs"] == 0
    assert time.time() - 60 < _seconds(node["seen_at"]) < time.time() + 60


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
