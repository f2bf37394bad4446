"""Recordings with transcripts that a test has written, in the real service."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from care_voice.domain.jobs import JobKind, LeaseRules
from care_voice.domain.transcript import Transcript
from care_voice.store import jobs, transcripts
from care_voice.store.database import Connection, Database
from support.server import Service


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
