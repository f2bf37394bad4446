"""Recordings with transcripts that a test has written, in the real service, and a browser that opens their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from care_voice.config import load_settings
from care_voice.domain.jobs import JobKind, LeaseRules
from care_voice.domain.transcript import Transcript
from care_voice.store import jobs, transcripts
from care_voice.store.database import Connection, Database
from care_voice.store.opening import open_database
from support.server import Service, environment, running_service

PATIENCE_MS = 30_000


@dataclass(frozen=True)
class Shelf:
    """A service, and its database, into which transcripts are written as its own jobs do."""

    service: Service
    database: Database
    sound: bytes

    def put(self, transcript: Transcript, **about: Any) -> str:
        """A recording of eleven seconds with this transcript; its id."""
        files = {"file": ("visit.flac", self.sound, "audio/flac")}
        sent = self.service.client.post("/api/v1/recordings", files=files, data={"transcribe": "false", **about})
        assert sent.status_code == 201, sent.text
        recording_id: str = sent.json()["id"]
        self.add(recording_id, transcript)
        return recording_id

    def add(self, recording_id: str, transcript: Transcript) -> None:
        """Another version."""
        self.database.write(partial(_transcribed, recording_id=recording_id, transcript=transcript))

    def ask(self, method: str, recording_id: str, path: str = "", **about: Any) -> Any:
        response = self.service.client.request(method, f"/api/v1/recordings/{recording_id}{path}", **about)
        assert response.is_success, response.text
        return response

    def texts(self, recording_id: str) -> list[str]:
        """What the current version says, line by line."""
        segments = self.ask("GET", recording_id, "/transcripts/current").json()["segments"]
        return [segment["text"] for segment in segments]


def _transcribed(connection: Connection, recording_id: str, transcript: Transcript) -> None:
    """In one transaction, so that the service does not do it again."""
    jobs.enqueue(connection, recording_id, JobKind.TRANSCRIBE, client="test", priority=0)
    claimed = jobs.claim(connection, "test", LeaseRules(), [JobKind.TRANSCRIBE])
    assert claimed is not None
    transcripts.write(connection, recording_id, claimed, transcript, "base")
    jobs.finish(connection, claimed.lease)


@pytest.fixture(scope="module")
def shelf(model_store: Path, speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    data_dir = tmp_path_factory.mktemp("transcripts")
    settings = load_settings(environment(data_dir, model_store, {}))
    sound = (speech / "en" / "jfk.flac").read_bytes()
    with (
        running_service(data_dir, model_store) as service,
        closing(open_database(settings.store, data_dir)) as database,
    ):
        yield Shelf(service, database, sound)


@pytest.fixture
def read(launch: Callable[..., Browser], shelf: Shelf) -> Callable[..., Page]:
    """Open the page of a recording; whatever the page complains of fails the test."""

    def open_page(recording_id: str, **options: Any) -> Page:
        context = {"locale": "en", "viewport": {"width": 1280, "height": 800}, "accept_downloads": True, **options}
        page = launch("--autoplay-policy=no-user-gesture-required").new_context(**context).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: pytest.fail(f"the page: {error}"))
        page.goto(f"{shelf.service.url}/recordings/{recording_id}")
        expect(page.get_by_test_id("lines")).to_be_visible()
        return page

    return open_page
