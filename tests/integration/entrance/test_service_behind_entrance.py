"""The real service through the real entrance."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from care_voice.ops.entrance.keeper import Entrance
from support.entrances import ended, entrance_settings, needs_haproxy
from support.events import read_events
from support.server import Service
from support.tls import certificate_of
from support.waiting import wait_until

pytestmark = needs_haproxy

API = "/api/v1"
TUS = {"Tus-Resumable": "1.0.0"}


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return certificate_of(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


@pytest.fixture(scope="module")
def client(
    service: Service, trusted: tuple[Path, ssl.SSLContext], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Of the service behind TLS, in the slot blue."""
    certificate, context = trusted
    settings = entrance_settings(blue_port=service.port, certificate=str(certificate))
    entrance = Entrance(settings, tmp_path_factory.mktemp("entrance"))
    try:
        entrance.ensure()
        entrance.set_weights({"blue": 256})
        entrance.set_maintenance("green")
        wait_until(lambda: entrance.stats()["blue"].state == "up", "the service is up")
        with httpx.Client(base_url=f"https://127.0.0.1:{settings.port}", verify=context, timeout=60) as client:
            yield client
    finally:
        ended(entrance)


def test_the_page_and_its_guards(client: httpx.Client) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert "<html" in page.text
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]


def test_a_transcription(client: httpx.Client, speech: Path) -> None:
    clip = speech / "en" / "jfk.flac"
    with clip.open("rb") as file:
        answer = client.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "whisper-1"})

    assert answer.status_code == 200, answer.text
    assert "country" in answer.json()["text"]


def test_a_form_of_the_page_itself_is_no_foreign_one(client: httpx.Client) -> None:
    """The service compares `Origin` with `Host`, which are those of the entrance."""
    own = client.post(f"{API}/recordings", json={}, headers={"Origin": str(client.base_url).rstrip("/")})
    foreign = client.post(f"{API}/recordings", json={}, headers={"Origin": "https://elsewhere.example"})

    assert own.status_code == 201, own.text
    assert (foreign.status_code, foreign.json()["code"]) == (403, "foreign_origin")
    client.delete(own.json()["upload_url"], headers=TUS)


def upload(client: httpx.Client, content: bytes) -> str:
    """In two parts, by the address that the service gives."""
    begun = client.post(f"{API}/uploads", headers={**TUS, "Upload-Length": str(len(content))})
    assert begun.status_code == 201, begun.text
    half = len(content) // 2
    for offset, part in ((0, content[:half]), (half, content[half:])):
        headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        answer = client.patch(begun.headers["Location"], content=part, headers=headers)
        assert answer.status_code == 204, answer.text
    return str(begun.headers["Location"].rsplit("/", 1)[1])


def test_an_upload_and_its_events(client: httpx.Client, speech: Path) -> None:
    recording_id = upload(client, (speech / "en" / "jfk.flac").read_bytes())

    names: list[Any] = []
    with client.stream("GET", f"{API}/recordings/{recording_id}/events") as answer:
        for event in read_events(answer.iter_lines()):
            names.append(event.name)
            if event.name == "transcript.created":
                break
    assert names

    transcript = client.get(f"{API}/recordings/{recording_id}/transcripts/current").json()
    assert "country" in " ".join(segment["text"] for segment in transcript["segments"])
    assert client.delete(f"{API}/recordings/{recording_id}").status_code < 300


def test_what_the_service_tells_those_who_run_it_is_not_told(client: httpx.Client, service: Service) -> None:
    assert service.client.get("/metrics").status_code == 200
    assert client.get("/metrics").status_code == 404
    assert client.get("/health/live").status_code == 200
