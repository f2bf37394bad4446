"""A slot keeps one worker alive: it starts it, hands out work to it, and starts the next one when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import WorkerFailed
from care_voice.supervisor.backoff import Backoff
from care_voice.supervisor.memory import MemoryGate
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.spawning import spawn
from care_voice.supervisor.vigilance import CrashHistory, CrashLooping
from care_voice.supervisor.waiting import came_within
from care_voice.supervisor.worker import Spawn, WorkerDied, WorkerProcess, WorkerSpec
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

PrepareSpec = Callable[[], Awaitable[WorkerSpec]]
"""Called before each start: checks that what the worker will load is whole, and may raise `CareVoiceError`."""

ServeOne = Callable[[WorkerProcess], Awaitable[None]]
"""Waits for one piece of work and does it on the worker; raises `WorkerDied` once the worker has ended."""


DELIBERATE = frozenset({"stopped", "cancelled", "renewed"})
"""Ends of a worker that the parent wanted."""

HOPEFUL_BACKOFF_S = 2.0
"""A worker that is tried again within this is worth waiting for."""


class SlotRetired(Exception):
    """Raised by `ServeOne` to end the slot for good: its worker is no longer needed."""


class SlotState(Enum):
    STARTING = "starting"
    READY = "ready"
    BACKOFF = "backoff"
    STOPPED = "stopped"


class WorkerSlot:
    """Runs until cancelled; never gives up on its worker, and never restarts it in a tight loop."""

    def __init__(
        self,
        name: str,
        prepare: PrepareSpec,
        serve_one: ServeOne,
        settings: SupervisorSettings,
        metrics: Metrics,
        *,
        memory: MemoryGate,
        spawn: Spawn = spawn,
    ) -> None:
        self.name = name
        self.state = SlotState.STARTING
        self.changed = asyncio.Event()
        """Set at each change of state; whoever waits for one clears it first."""
        self.worker: WorkerProcess | None = None
        self.last_failure: str | None = None
        self.refusal: CareVoiceError | None = None
        """Why no worker was started; None where one was tried."""
        self.backoff_s = 0.0
        self._crashes = CrashHistory()
        self._memory = memory
        self._prepare = prepare
        self._spawn = spawn
        self._serve_one = serve_one
        self._settings = settings
        self._metrics = metrics
        self._backoff = Backoff(settings.backoff_first_s, settings.backoff_max_s)
        self._restart_now = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        metrics.crash_looping.labels(name).set_function(lambda: float(loop.count if (loop := self.crash_loop) else 0))

    @property
    def crash_loop(self) -> CrashLooping | None:
        """Its workers end one after the other; None while they do not."""
        return self._crashes.looping(time.monotonic())

    @property
    def hopeful(self) -> bool:
        """Whether it has a worker, or will try to start one in a moment."""
        return self.state is not SlotState.BACKOFF or self.backoff_s <= HOPEFUL_BACKOFF_S

    def open(self) -> None:
        """Begin; a second call ends a backoff early."""
        self.retry_now()
        if self._task is None:
            self._become(SlotState.STARTING)
            self._backoff.reset()
            # A context of its own: the request that made the pool grow must not lend its id to the slot's logs.
            context = contextvars.Context()
            self._task = asyncio.create_task(self._run(), name=f"slot-{self.name}", context=context)

    async def close(self) -> None:
        """Stop the worker; returns when the process is gone. It may be opened again."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._become(SlotState.STOPPED)

    def retry_now(self) -> None:
        """End a backoff early: what made the start fail has been mended."""
        self._restart_now.set()

    def _become(self, state: SlotState) -> None:
        self.state = state
        self.changed.set()

    async def _run(self) -> None:
        with contextlib.suppress(SlotRetired):
            await self._keep_alive()

    async def _keep_alive(self) -> None:
        while True:
            worker = await self._start()
            if worker is None:
                await self._wait_backoff()
                continue
            started = time.monotonic()
            try:
                await self._serve(worker)
            finally:
                self._become(SlotState.STARTING)
                self.worker = None
                self._metrics.workers.labels(self.name).set(0)
                await asyncio.shield(worker.stop())
            if time.monotonic() - started > self._settings.healthy_after_s:
                self._backoff.reset()
            await self._wait_backoff()

    async def _start(self) -> WorkerProcess | None:
        self._become(SlotState.STARTING)
        self._restart_now.clear()
        try:
            spec = await self._prepare()
            with self._memory.promised(spec.what, spec.needed_bytes), spec.reserve():
                worker = await WorkerProcess.start(spec, self._settings, self._spawn)
        except (WorkerDied, CareVoiceError) as error:
            self._note_failed_start(error)
            return None
        assert worker.ready is not None
        self.worker = worker
        self.last_failure = self.refusal = None
        self._become(SlotState.READY)
        self._metrics.workers.labels(self.name).set(1)
        log.info("worker_ready", slot=self.name, pid=worker.pid, load_s=round(worker.ready.load_s, 3))
        return worker

    def _note_failed_start(self, error: WorkerDied | CareVoiceError) -> None:
        self.last_failure = str(error)
        self.refusal = error if isinstance(error, CareVoiceError) else None
        cause = error.cause if isinstance(error, WorkerDied) else error.code
        self._crashes.ended(cause, time.monotonic())
        log.error("worker_start_failed", slot=self.name, cause=cause, detail=str(error))

    async def _serve(self, worker: WorkerProcess) -> None:
        """Work until the worker dies, whether it is busy or idle then."""
        try:
            while True:
                await self._serve_one(worker)
                self._backoff.reset()
        except WorkerDied as death:
            role = worker.spec.role
            self._metrics.worker_exits.labels(role, death.cause).inc()
            if death.cause not in DELIBERATE:
                self.last_failure = str(death)
                self._crashes.ended(death.cause, time.monotonic())
                log.error("worker_died", slot=self.name, cause=death.cause, detail=death.detail)
        except SlotRetired:
            raise
        except Exception:  # a bug in the parent's handling must cost one worker, not the slot and all that waits for it
            self.last_failure = "internal error"
            log.exception("slot_failed", slot=self.name)

    async def _wait_backoff(self) -> None:
        delay_s = self._backoff.next_s()
        if delay_s == 0:
            return
        self.backoff_s = delay_s
        self._become(SlotState.BACKOFF)
        log.warning("worker_backoff", slot=self.name, delay_s=delay_s)
        await came_within(self._restart_now, delay_s)


async def wait_for_any(slots: Sequence[WorkerSlot]) -> WorkerProcess:
    """The first worker that is ready.

    Raises:
        WorkerFailed: None is, and a slot that tried is waiting before it tries again.
        CareVoiceError: The same, where no worker was even started: what stood in the way.
    """
    while True:
        for slot in slots:
            slot.changed.clear()
            if slot.state is SlotState.READY and slot.worker is not None:
                return slot.worker
        failed = next((slot for slot in slots if slot.state is SlotState.BACKOFF), None)
        if failed is not None:
            raise failed.refusal or WorkerFailed(why=failed.last_failure)
        changes = [asyncio.ensure_future(slot.changed.wait()) for slot in slots]
        try:
            await asyncio.wait(changes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for change in changes:
                change.cancel()


async def describe_first_ready(slots: Sequence[WorkerSlot]) -> str:
    """Wait for a worker; what it runs on, for people. Raises WorkerFailed as `wait_for_any` does."""
    worker = await wait_for_any(slots)
    assert worker.ready is not None
    return f"{worker.ready.detail}, loaded in {worker.ready.load_s:.2f} s"


def trouble_of(slots: Sequence[WorkerSlot], starting: str) -> str | None:
    """Why none of the slots takes work now, `starting` where nothing has failed yet; None while one does."""
    if any(slot.state is SlotState.READY for slot in slots):
        return None
    return next((slot.last_failure for slot in slots if slot.last_failure), starting)


def worst_crash_loop(slots: Sequence[WorkerSlot]) -> CrashLooping | None:
    """The loop with the most ends; None while no slot's workers end one after the other."""
    loops = [loop for slot in slots if (loop := slot.crash_loop) is not None]
    return max(loops, key=lambda loop: loop.count, default=None)
