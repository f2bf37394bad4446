"""What keeps recordings, put together from the settings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from care_voice.config import Settings
from care_voice.domain.ids import new_id
from care_voice.domain.jobs import JobKind
from care_voice.notify.settings import WebhookSettings
from care_voice.service.audio_upkeep import AudioUpkeep
from care_voice.service.database_watch import DatabaseWatch
from care_voice.service.deletion import Deletion
from care_voice.service.derive_job import DeriveHandler
from care_voice.service.disk_watch import DiskWatch
from care_voice.service.event_feed import EventFeed
from care_voice.service.in_threads import AudioThreads
from care_voice.service.intake import Intake
from care_voice.service.job_attempt import JobHandler
from care_voice.service.job_runner import JobRunner
from care_voice.service.jobs import Jobs
from care_voice.service.library import Library
from care_voice.service.node_seat import NodeSeat
from care_voice.service.playback import Playback
from care_voice.service.retention import Retention
from care_voice.service.transcribe_job import TranscribeJob
from care_voice.service.transcription import Transcriber
from care_voice.service.transcripts import Transcripts
from care_voice.service.webhook_courier import WebhookCourier
from care_voice.service.webhooks import Webhooks
from care_voice.store.audio_opening import open_audio
from care_voice.store.opening import open_database, prepare
from care_voice.store.settings import StoreSettings
from care_voice.supervisor.media_pool import MediaPool
from care_voice.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from care_voice.api.services import RecordingServices
    from care_voice.notify.sender import HttpSender

log = structlog.get_logger(__name__)

_OTHER_AUDIO_THREADS = 3
"""For the upkeep and for deletions, which so never wait for the copies that jobs make."""


class RecordingParts:
    """The store and all that works over it. Nothing is connected before `start`."""

    def __init__(
        self,
        settings: Settings,
        transcriber: Transcriber,
        media: MediaPool,
        metrics: Metrics,
        admit: Callable[[], None],
    ) -> None:
        """`admit` raises CareVoiceError while the service cannot transcribe."""
        self.db = open_database(settings.store, settings.data_dir)
        self._store = store_settings_of(settings)
        self.node = new_id("node", time.time())
        self.watch = DatabaseWatch(self.db, self.prepare)
        metrics.database_up.set_function(lambda: float(self.watch.is_up))
        self.disk = DiskWatch(settings.disk_places, settings.disk, metrics)
        self.audio = open_audio(settings.audio, settings.data_dir, settings.incoming_dir)
        self.audio_threads = AudioThreads(settings.jobs.places + _OTHER_AUDIO_THREADS)
        self.audio_upkeep = AudioUpkeep(self.db, self.audio, settings.audio_upkeep, metrics, threads=self.audio_threads)
        self.intake = Intake(self.db, self.audio, settings.intake, metrics)
        self.library = Library(self.db)
        self.playback = Playback(self.db, self.audio)
        self.retention = Retention(self.db, Deletion(self.db, self.audio, self.audio_threads), settings.retention)
        self.transcripts = Transcripts(self.db)
        self.courier = WebhookCourier(
            self.db, partial(new_sender, settings.webhooks), settings.webhooks, metrics, owner=self.node
        )
        self.webhooks = Webhooks(self.db, self.courier, settings.webhooks)
        self.seat = NodeSeat(settings.data_dir / "nodes", self.node)
        self.jobs = Jobs(self.db)
        self.feed = EventFeed(self.db, most=settings.api.max_followers)
        self.handlers: dict[JobKind, JobHandler] = {
            JobKind.TRANSCRIBE: TranscribeJob(self.db, self.audio, transcriber, self.audio_threads),
            JobKind.DERIVE: DeriveHandler(
                self.db,
                self.audio,
                media,
                settings.recordings,
                max_duration_s=settings.transcription.max_duration_s,
                scratch=settings.incoming_dir,
                threads=self.audio_threads,
            ),
        }
        self.runner = JobRunner(
            self.db, self.handlers, settings.jobs, self.seat, metrics, admit=admit, spare=self.disk.require_spare
        )  # fmt: skip
        self._tasks: list[asyncio.Task[None]] = []

    def prepare(self) -> str:
        """Bring the database up to date; what was found, for people. Raises StoreError, StorageFull."""
        return prepare(self.db, self._store)

    def start(self) -> None:
        """Begin what runs in the background; it waits for the database by itself."""
        self._run("database", self.watch.run())
        self._run("disk", self.disk.run())
        self._run("retention", self._when_open(self.retention.run))
        self._run("audio_upkeep", self._when_open(self.audio_upkeep.run))
        self._run("intake", self._when_open(self.intake.run))
        self._run("library", self._when_open(self.library.run))
        self._run("jobs", self._when_open(self.runner.run))
        self._run("webhooks", self._when_open(self.courier.run))

    def services(self) -> RecordingServices:
        """What the API works with."""
        from care_voice.api.services import RecordingServices  # noqa: PLC0415 - the API is imported beside the start

        return RecordingServices(
            db=self.db,
            watch=self.watch,
            audio=self.audio,
            intake=self.intake,
            library=self.library,
            playback=self.playback,
            retention=self.retention,
            jobs=self.jobs,
            feed=self.feed,
            transcripts=self.transcripts,
            webhooks=self.webhooks,
            disk=self.disk,
            standing_by=lambda: self.runner.standing_by,
        )

    async def drain(self, timeout_s: float) -> None:
        """Take no new jobs and give back what cannot be finished in time."""
        self.feed.close()
        await asyncio.gather(self.runner.drain(timeout_s), self.courier.drain(timeout_s))

    async def close(self) -> None:
        """End everything now; what is durable is gone on with at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.intake.close)
        await asyncio.to_thread(self.audio_threads.close)
        await asyncio.to_thread(self.seat.leave)
        await asyncio.to_thread(self.db.close)

    async def _when_open(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        await self.watch.opened()
        await work()

    def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """A background task that should never end; an error that nobody expected is logged, and it is over."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_explain_end)
        self._tasks.append(task)


def store_settings_of(settings: Settings) -> StoreSettings:
    """Beside another release nothing is done to the database that the older one could not live with."""
    behind_an_entrance = settings.slot != "" and settings.store.migrate == "auto"
    return replace(settings.store, migrate="before") if behind_an_entrance else settings.store


def new_sender(settings: WebhookSettings) -> HttpSender:
    """What posts webhooks. Raises OSError where the certificates cannot be read."""
    from care_voice.notify.sender import HttpSender  # noqa: PLC0415 - 30 ms that nobody without webhooks pays

    return HttpSender(settings)


def _explain_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("background_task_ended", task=task.get_name(), exc_info=error)
