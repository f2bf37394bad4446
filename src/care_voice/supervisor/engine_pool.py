"""Engine workers: windows in, hypotheses out. A window whose worker dies goes to the next worker."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

import msgspec
import structlog

from care_voice.domain.errors import NotReady, WindowQuarantined
from care_voice.engine.protocol import DecodeWindow, Failed, WindowDecoded
from care_voice.supervisor.failures import to_error
from care_voice.supervisor.queueing import next_job
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.slot import PrepareSpec, WorkerSlot, describe_first_ready, trouble_of
from care_voice.supervisor.worker import WorkerDied, WorkerProcess
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(order=True, slots=True)
class _Job:
    """Ordered by age: a window that is sent again keeps its place before younger ones."""

    number: int
    request: DecodeWindow = field(compare=False)
    answer: asyncio.Future[WindowDecoded] = field(compare=False)
    kills: int = field(default=0, compare=False)


class EnginePool:
    """`count` workers that hold the same model."""

    def __init__(self, count: int, prepare: PrepareSpec, settings: SupervisorSettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._numbers = itertools.count(1)
        self._queue: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self.slots = [WorkerSlot(f"engine-{n}", prepare, self._serve_one, settings, metrics) for n in range(count)]

    def open(self) -> None:
        """Start the workers, in the background."""
        for slot in self.slots:
            slot.open()

    async def close(self) -> None:
        """Stop the workers; windows that still wait fail as not ready."""
        await asyncio.gather(*(slot.close() for slot in self.slots))
        while not self._queue.empty():
            job = self._queue.get_nowait()
            if not job.answer.done():
                job.answer.set_exception(NotReady(why="the service is stopping"))

    @property
    def multilingual(self) -> bool:
        """Whether the model knows more than English; True while that is not known yet."""
        ready = [slot.worker.ready for slot in self.slots if slot.worker is not None and slot.worker.ready is not None]
        return all(answer.multilingual for answer in ready)

    async def wait_ready(self) -> str:
        """Wait for a worker; what it runs on, for people.

        Raises:
            WorkerFailed: It could not start; the slot goes on trying.
        """
        return await describe_first_ready(self.slots)

    @property
    def trouble(self) -> str | None:
        """Why no worker takes work now; None while one does."""
        return trouble_of(self.slots, "the engine worker is starting")

    def retry_now(self) -> None:
        """What kept the workers from starting has been mended."""
        for slot in self.slots:
            slot.retry_now()

    async def decode(self, request: DecodeWindow) -> WindowDecoded:
        """Decode one window; its `id` is set here.

        Raises:
            WindowQuarantined: Every worker that had it died.
            CareVoiceError: What the worker found wrong with the request.
        """
        number = next(self._numbers)
        answer: asyncio.Future[WindowDecoded] = asyncio.get_running_loop().create_future()
        self._put(_Job(number, msgspec.structs.replace(request, id=number), answer))
        try:
            return await answer
        finally:
            answer.cancel()

    async def _serve_one(self, worker: WorkerProcess) -> None:
        job = await next_job(self._queue, worker)
        self._metrics.queued_windows.set(self._queue.qsize())
        if job.answer.done():
            return
        try:
            await worker.send(job.request, self._settings.window_timeout_s)
            reply = await worker.receive(self._settings.window_timeout_s)
        except WorkerDied as death:
            self._again_or_quarantine(job, death)
            raise
        except asyncio.CancelledError:
            self._put(job)
            raise
        self._answer(job, reply, worker)

    def _answer(self, job: _Job, reply: object, worker: WorkerProcess) -> None:
        if job.answer.done():
            return
        if isinstance(reply, WindowDecoded) and reply.id == job.number:
            job.answer.set_result(reply)
        elif isinstance(reply, Failed) and reply.id == job.number:
            job.answer.set_exception(to_error(reply))
        else:
            log.error("worker_out_of_step", pid=worker.pid, reply=type(reply).__name__)
            worker.kill("protocol_error")
            self._again_or_quarantine(job, WorkerDied("protocol_error"))

    def _again_or_quarantine(self, job: _Job, death: WorkerDied) -> None:
        if job.answer.done():
            return
        job.kills += 1
        request_id = job.request.request_id
        if job.kills >= self._settings.max_attempts:
            log.error("window_quarantined", request_id=request_id, start_s=job.request.start_s, cause=death.cause)
            job.answer.set_exception(WindowQuarantined(kills=job.kills))
            return
        log.warning("window_sent_again", request_id=request_id, start_s=job.request.start_s, cause=death.cause)
        self._metrics.retried.labels("engine").inc()
        self._put(job)

    def _put(self, job: _Job) -> None:
        self._queue.put_nowait(job)
        self._metrics.queued_windows.set(self._queue.qsize())
