"""The recordings of this installation for commands: they work on the store itself, whether a server runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import msgspec
import typer

from care_voice.cli.common import errors_explained
from care_voice.config import Settings, load_settings
from care_voice.ops.background import is_served
from care_voice.service.disk_watch import DiskWatch
from care_voice.service.intake import Intake
from care_voice.service.library import Library
from care_voice.service.transcripts import Transcripts
from care_voice.store.audio import AudioStore
from care_voice.store.audio_opening import open_audio
from care_voice.store.database import Database
from care_voice.store.opening import open_database, prepare
from care_voice.telemetry.metrics import Metrics

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """What commands work with."""

    settings: Settings
    db: Database
    audio: AudioStore
    intake: Intake

    @property
    def disk(self) -> DiskWatch:
        """Room for what can wait."""
        return DiskWatch(self.settings.disk_places, self.settings.disk, Metrics())

    @property
    def library(self) -> Library:
        return Library(self.db)

    @property
    def transcripts(self) -> Transcripts:
        return Transcripts(self.db)

    @property
    def is_served(self) -> bool:
        """Whether a server works on the same data directory."""
        return is_served(self.settings.run_dirs)


def with_kept(work: Callable[[Kept], Awaitable[T]]) -> T:
    """What `work` returns; an error of ours ends the command with its explanation."""
    with errors_explained():
        return asyncio.run(_with_kept(work))


async def _with_kept(work: Callable[[Kept], Awaitable[T]]) -> T:
    async with opened_kept(load_settings()) as kept:
        return await work(kept)


@asynccontextmanager
async def opened_kept(settings: Settings) -> AsyncIterator[Kept]:
    """The store, brought up to date, until the block ends. Raises StoreError, StorageFull."""
    database = open_database(settings.store, settings.data_dir)
    audio = open_audio(settings.audio, settings.data_dir, settings.incoming_dir)
    intake = Intake(database, audio, settings.intake, Metrics())
    try:
        await asyncio.to_thread(prepare, database, settings.store)
        yield Kept(settings, database, audio, intake)
    finally:
        await asyncio.to_thread(intake.close)
        await asyncio.to_thread(database.close)


def print_json(value: object) -> None:
    """For programs."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
