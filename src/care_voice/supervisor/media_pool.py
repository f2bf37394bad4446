"""Media workers: a file in; windows of speech out, or files made of its sound. A process reads one file at a time, so a
crash has one cause.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import structlog

from care_voice.domain.errors import CareVoiceError, MediaCrashedDecoder, MediaTooSlow
from care_voice.domain.service_errors import NotReady
from care_voice.engine.protocol import (
    DeriveMedia,
    Failed,
    MediaAnswer,
    MediaDerived,
    MediaDone,
    MediaOpened,
    MediaProgress,
    MediaWindow,
    OpenMedia,
)
from care_voice.supervisor.failures import to_error
from care_voice.supervisor.memory import MemoryGate
from care_voice.supervisor.queueing import next_job
from care_voice.supervisor.settings import MediaWorkerSettings, SupervisorSettings
from care_voice.supervisor.slot import (
    PrepareSpec,
    SlotRetired,
    WorkerSlot,
    describe_first_ready,
    trouble_of,
    worst_crash_loop,
)
from care_voice.supervisor.spawning import spawn
from care_voice.supervisor.vigilance import CrashLooping
from care_voice.supervisor.worker import Spawn, WorkerDied, WorkerProcess
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

T = TypeVar("T")
MediaEvent = MediaOpened | MediaWindow | MediaProgress | MediaDone
DeriveEvent = MediaOpened | MediaProgress | MediaDerived
_LAST = (MediaDone, MediaDerived)
_STREAM_MESSAGES = 2
_STOPPING = "the service is stopping"


@dataclass(slots=True)
class _Job:
    request: OpenMedia | DeriveMedia
    events: asyncio.Queue[MediaAnswer | CareVoiceError] = field(default_factory=lambda: asyncio.Queue(_STREAM_MESSAGES))
    kills: int = 0
    attempts: int = 0
    started: bool = False
    opened: bool = False
    given_s: float = 0.0
    left: asyncio.Event = field(default_factory=asyncio.Event)


class MediaPool:
    """Grows by a worker when a file has to wait, and shrinks again: a long file holds its worker all the while."""

    def __init__(
        self,
        workers: MediaWorkerSettings,
        prepare: PrepareSpec,
        settings: SupervisorSettings,
        metrics: Metrics,
        *,
        spawn: Spawn = spawn,
    ) -> None:
        self._workers = workers
        self._prepare = prepare
        self._spawn = spawn
        self._settings = settings
        self._metrics = metrics
        self._memory = MemoryGate()
        self._numbers = itertools.count(1)
        self._queue: asyncio.Queue[_Job] = asyncio.Queue()
        self.slots: list[WorkerSlot] = []

    def open(self) -> None:
        """Start the first worker, in the background."""
        if not self.slots:
            self._grow()

    async def close(self) -> None:
        """Stop the workers; files that still wait fail as not ready."""
        await asyncio.gather(*(slot.close() for slot in self.slots))
        while not self._queue.empty():
            self._queue.get_nowait().events.put_nowait(NotReady(why=_STOPPING))

    async def wait_ready(self) -> str:
        """Wait for a worker; what it runs on, for people.

        Raises:
            WorkerFailed: It could not start; the slot goes on trying.
        """
        return await describe_first_ready(self.slots)

    @property
    def trouble(self) -> str | None:
        """Why no worker takes files now; None while one does."""
        return trouble_of(self.slots, "the media worker is starting")

    @property
    def hopeful(self) -> bool:
        """Whether a worker is there or is about to be."""
        return any(slot.hopeful for slot in self.slots)

    @property
    def crash_loop(self) -> CrashLooping | None:
        """The worst crash loop among the slots; None while there is none."""
        return worst_crash_loop(self.slots)

    @asynccontextmanager
    async def read(self, request: OpenMedia) -> AsyncIterator[AsyncIterator[MediaEvent]]:
        """The events of a file, in order, ending with `MediaDone`. Leaving early stops the decoding.

        Raises:
            MediaError: The file cannot be used; raised by the iterator.
        """
        async with self._asked(request) as job:
            yield _read_events(job)

    @asynccontextmanager
    async def derive(self, request: DeriveMedia) -> AsyncIterator[AsyncIterator[DeriveEvent]]:
        """What becomes of a file of which others are made, ending with `MediaDerived`. Leaving early stops the work;
        what had been written by then is left behind under names that end in `.part`.

        Raises:
            MediaError: The file cannot be used; raised by the iterator.
            StorageFull, WorkerFailed: What is made could not be written; raised by the iterator.
        """
        async with self._asked(request) as job:
            yield _derive_events(job)

    @asynccontextmanager
    async def _asked(self, request: OpenMedia | DeriveMedia) -> AsyncIterator[_Job]:
        job = _Job(msgspec.structs.replace(request, id=next(self._numbers)))
        self._queue.put_nowait(job)
        growth = asyncio.get_running_loop().call_later(self._workers.grow_after_s, self._grow_for, job)
        try:
            yield job
        finally:
            growth.cancel()
            job.left.set()

    def _retire(self, worker: WorkerProcess) -> None:
        """Nothing to do for a while: end this slot, unless it is the last."""
        if len(self.slots) > 1:
            self.slots = [slot for slot in self.slots if slot.worker is not worker]
            raise SlotRetired

    def _grow_for(self, job: _Job) -> None:
        """A file has waited for a while: every worker is held up by a long one."""
        if not job.started and len(self.slots) < self._workers.most_workers:
            self._grow()

    def _grow(self) -> None:
        taken = {slot.name for slot in self.slots}
        name = next(name for n in itertools.count() if (name := f"media-{n}") not in taken)
        slot = WorkerSlot(
            name, self._prepare, self._serve_one, self._settings, self._metrics,
            memory=self._memory, spawn=self._spawn,
        )  # fmt: skip
        self.slots.append(slot)
        slot.open()

    async def _serve_one(self, worker: WorkerProcess) -> None:
        try:
            async with asyncio.timeout(self._workers.idle_s if len(self.slots) > 1 else None):
                job = await next_job(self._queue, worker)
        except TimeoutError:
            self._retire(worker)
            return
        if job.left.is_set():
            return
        job.started = True
        try:
            await self._stream(worker, job)
        except WorkerDied as death:
            self._again_or_give_up(job, death)
            raise
        except asyncio.CancelledError:
            self._fail(job, NotReady(why=_STOPPING))
            raise

    async def _stream(self, worker: WorkerProcess, job: _Job) -> None:
        await worker.send(job.request, self._settings.media_stall_s)
        while True:
            message = await self._receive_unless_left(worker, job)
            if isinstance(message, Failed):
                await self._give(worker, job, to_error(message))
                return
            if not isinstance(message, MediaAnswer) or message.id != job.request.id:
                worker.kill("protocol_error")
                raise await worker.died()
            if self._is_new(job, message):
                await self._give(worker, job, message)
            if isinstance(message, _LAST):
                return

    async def _receive_unless_left(self, worker: WorkerProcess, job: _Job) -> object:
        return await _unless_left(worker, job, asyncio.ensure_future(worker.receive(self._settings.media_stall_s)))

    async def _give(self, worker: WorkerProcess, job: _Job, event: MediaAnswer | CareVoiceError) -> None:
        await _unless_left(worker, job, asyncio.ensure_future(job.events.put(event)))

    @staticmethod
    def _is_new(job: _Job, message: MediaAnswer) -> bool:
        """Decoding is deterministic: after a crash the next worker gives the same events; skip the known ones."""
        if isinstance(message, MediaOpened):
            opened, job.opened = job.opened, True
            return not opened
        if isinstance(message, MediaWindow):
            new = message.end_s > job.given_s
            job.given_s = max(job.given_s, message.end_s)
            return new
        return True

    def _again_or_give_up(self, job: _Job, death: WorkerDied) -> None:
        if job.left.is_set():
            return
        job.attempts += 1
        job.kills += death.blames_work
        if death.cause == "hang":
            self._fail(job, MediaTooSlow(limit_s=round(self._settings.media_stall_s)))
        elif job.kills >= self._settings.max_kills or job.attempts >= self._settings.max_attempts:
            log.error("media_quarantined", request_id=job.request.request_id, cause=death.cause)
            self._fail(job, MediaCrashedDecoder())
        else:
            log.warning("media_sent_again", request_id=job.request.request_id, cause=death.cause)
            self._metrics.retried.labels("media").inc()
            self._queue.put_nowait(job)

    @staticmethod
    def _fail(job: _Job, error: CareVoiceError) -> None:
        """Tell the reader at once: what it has not taken yet no longer matters."""
        while not job.events.empty():
            job.events.get_nowait()
        job.events.put_nowait(error)


async def _read_events(job: _Job) -> AsyncIterator[MediaEvent]:
    async for event in _events(job):
        assert not isinstance(event, MediaDerived)
        yield event


async def _derive_events(job: _Job) -> AsyncIterator[DeriveEvent]:
    async for event in _events(job):
        assert not isinstance(event, MediaWindow | MediaDone)
        yield event


async def _events(job: _Job) -> AsyncIterator[MediaAnswer]:
    while True:
        event = await job.events.get()
        if isinstance(event, CareVoiceError):
            raise event
        yield event
        if isinstance(event, _LAST):
            return


async def _unless_left(worker: WorkerProcess, job: _Job, wanted: asyncio.Future[T]) -> T:
    """Wait for something, but end the worker when the reader of the file has gone away meanwhile."""
    left = asyncio.ensure_future(job.left.wait())
    try:
        waiting: set[asyncio.Future[Any]] = {wanted, left}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if wanted.done():
            return wanted.result()
        worker.kill("cancelled")
        raise await worker.died()
    finally:
        wanted.cancel()
        left.cancel()
