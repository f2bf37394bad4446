"""What keeps recordings, put together from the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

import structlog

from care_voice.config import Settings
from care_voice.service.database_watch import DatabaseWatch
from care_voice.service.deletion import Deletion
from care_voice.service.retention import Retention
from care_voice.service.transcription import Transcriber
from care_voice.store.audio import AudioStore
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.opening import open_database, prepare
from care_voice.supervisor.media_pool import MediaPool
from care_voice.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from care_voice.api.services import RecordingServices

log = structlog.get_logger(__name__)


class RecordingParts:
    """The store and all that works over it. Nothing is connected before `start`."""

    def __init__(self, settings: Settings, transcriber: Transcriber, media: MediaPool, metrics: Metrics) -> None:
        self._transcriber, self._media, self._metrics = transcriber, media, metrics
        self.db = open_database(settings.store, settings.data_dir)
        self._store = settings.store
        self.watch = DatabaseWatch(self.db, self.prepare)
        self.audio: AudioStore = DirectoryAudio(settings.data_dir / "recordings")
        self.retention = Retention(self.db, Deletion(self.db, self.audio), settings.retention)
        self._tasks: list[asyncio.Task[None]] = []

    def prepare(self) -> str:
        """Bring the database up to date; what was found, for people. Raises StoreError, StorageFull."""
        return prepare(self.db, self._store)

    def start(self) -> None:
        """Begin what runs in the background; it waits for the database by itself."""
        self._run("database", self.watch.run())
        self._run("retention", self._keep())

    def services(self) -> RecordingServices:
        """What the API works with."""
        from care_voice.api.services import RecordingServices  # noqa: PLC0415 - the API is imported beside the start

        return RecordingServices(db=self.db, watch=self.watch, retention=self.retention)

    async def drain(self, timeout_s: float) -> None:
        """Take no new jobs and give back what cannot be finished in time."""

    async def close(self) -> None:
        """End everything now; what is durable is gone on with at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.db.close)

    async def _keep(self) -> None:
        await self.watch.opened()
        await self.retention.run()

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A background task that should never end; an error that nobody expected is logged, and it is over."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_explain_end)
        self._tasks.append(task)


def _explain_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background_task_ended", task=task.get_name(), exc_info=error)
