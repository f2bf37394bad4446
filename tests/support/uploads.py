"""Recordings on their way in: an intake of the test's own, and bytes that come as the test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from care_voice.domain.recordings import Recording
from care_voice.service.intake import Intake, IntakeSettings, NewRecording
from care_voice.store import recordings
from care_voice.store.audio import AudioStore
from care_voice.store.database import Database
from care_voice.telemetry.metrics import Metrics

CLIENT = "address:192.0.2.7"


class Cut(Exception):
    """The connection was cut."""


def intake_over(database: Database, audio: AudioStore, **settings: Any) -> Intake:
    """An intake with these settings; it syncs at the end of a request alone where they do not say otherwise."""
    chosen = {
        "sync_bytes": 1 << 40,
        "sync_s": 3600.0,
        "stall_s": 7200.0,
        "keep_free_bytes": 0,
        "threads": 2,
        **settings,
    }
    return Intake(database, audio, IntakeSettings(**chosen), Metrics())


def an_upload(**fields: Any) -> NewRecording:
    return NewRecording(**{"client": CLIENT, "source": "upload", **fields})


async def given(*chunks: bytes) -> AsyncIterator[bytes]:
    """These bytes, and no more."""
    for chunk in chunks:
        yield chunk


async def cut_after(*chunks: bytes) -> AsyncIterator[bytes]:
    """These bytes, then the connection is cut."""
    for chunk in chunks:
        yield chunk
    raise Cut


class Tap:
    """Bytes that come when the test says so."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.waited_for = False
        """Whether somebody has asked for bytes."""

    def give(self, data: bytes) -> None:
        self._queue.put_nowait(data)

    def end(self) -> None:
        self._queue.put_nowait(None)

    @property
    def empty(self) -> bool:
        """Whether all that was given has been taken."""
        return self._queue.empty()

    async def chunks(self) -> AsyncIterator[bytes]:
        self.waited_for = True
        while (data := await self._queue.get()) is not None:
            yield data


def held(database: Database, audio: AudioStore, recording_id: str) -> bytes:
    """The bytes that are acknowledged."""
    parts = database.read(lambda connection: recordings.parts(connection, recording_id))
    return b"".join(audio.read(parts))


def row(database: Database, recording_id: str) -> Recording:
    return database.read(lambda connection: recordings.get(connection, recording_id, trashed=True))
