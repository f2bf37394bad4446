"""Engine workers: started, renewed and watched here; which window goes to which of them is the scheduler's."""

from __future__ import annotations

import asyncio
import itertools
import time

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import BatchesReduced, NotReady
from care_voice.engine.protocol import Dropped, Failed, Ready, ToParent, WindowDecoded
from care_voice.supervisor.engine_worker import EngineWorker
from care_voice.supervisor.failures import to_error
from care_voice.supervisor.memory import MemoryGate
from care_voice.supervisor.pool import EngineFacts, Outcome, WindowKeeper
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.slot import (
    PrepareSpec,
    SlotState,
    WorkerSlot,
    describe_first_ready,
    trouble_of,
    worst_crash_loop,
)
from care_voice.supervisor.spawning import spawn
from care_voice.supervisor.vigilance import CrashLooping, Renewal
from care_voice.supervisor.worker import Spawn, WorkerDied, WorkerProcess
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class EnginePool:
    """`count` workers that hold the same model. Set `keeper` before it is opened."""

    keeper: WindowKeeper
    gives_tokens = True
    decodes_as_asked = True
    facts = EngineFacts()

    def __init__(
        self,
        count: int,
        prepare: PrepareSpec,
        settings: SupervisorSettings,
        metrics: Metrics,
        *,
        name: str = "engine",
        memory: MemoryGate | None = None,
        spawn: Spawn = spawn,
    ) -> None:
        self._name = name
        self._prepare = prepare
        self._spawn = spawn
        self._settings = settings
        self._metrics = metrics
        self._memory = memory or MemoryGate()
        self._renewal = Renewal(settings.renew_after_s, settings.renew_at_growth)
        self._workers: dict[WorkerProcess, EngineWorker] = {}
        self._upkeep: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        """Held while slots are added or removed; a renewal has one too many for a time."""
        self.slots: list[WorkerSlot] = []
        for _ in range(count):
            self.slots.append(self._new_slot())

    def open(self) -> None:
        """Start the workers, in the background."""
        for slot in self.slots:
            slot.open()
        if self._upkeep is None:
            self._upkeep = asyncio.create_task(self._keep_fresh(), name=f"{self._name}-upkeep")
            self._upkeep.add_done_callback(_report_bug)

    async def close(self) -> None:
        """Stop the workers; windows that still wait fail as not ready. It may be opened again."""
        if self._upkeep is not None:
            self._upkeep.cancel()
            await asyncio.wait([self._upkeep])
            self._upkeep = None
        await asyncio.gather(*(slot.close() for slot in self.slots))
        self.keeper.stopped()

    async def resize(self, count: int) -> None:
        """Have so many workers from now on; what one that goes had in hand is given to another."""
        async with self._changing:
            surplus, self.slots = self.slots[count:], self.slots[:count]
            await asyncio.gather(*(slot.close() for slot in surplus))
            while len(self.slots) < count:
                self.slots.append(self._new_slot())
                if self._upkeep is not None:
                    self.slots[-1].open()

    @property
    def workers(self) -> list[EngineWorker]:
        """Those that are ready, in the order in which they became so."""
        return list(self._workers.values())

    @property
    def capacity(self) -> int:
        """Windows that all workers together want in flight; at least 1."""
        return max(1, sum(worker.wants.capacity for worker in self.workers))

    @property
    def running(self) -> list[Ready]:
        """What the workers that are ready said of themselves."""
        return [process.ready for process in self._workers if process.ready is not None]

    @property
    def reduced(self) -> BatchesReduced | None:
        """A worker ran out of memory and computes less at a time since; None while none did."""
        halvings = max((worker.halvings for worker in self.workers), default=0)
        return BatchesReduced(halvings=halvings) if halvings else None

    @property
    def multilingual(self) -> bool:
        """Whether the model knows more than English; True while that is not known yet."""
        return all(ready.multilingual for ready in self.running)

    async def wait_ready(self) -> str:
        """Wait for a worker; what it runs on, for people.

        Raises:
            WorkerFailed: It could not start; the slot goes on trying.
            NotEnoughMemory: There is no room for it.
        """
        return await describe_first_ready(self.slots)

    @property
    def trouble(self) -> str | None:
        """Why no worker takes work now; None while one does."""
        return trouble_of(self.slots, "the engine worker is starting")

    @property
    def refusal(self) -> CareVoiceError | None:
        """The same as an error."""
        trouble = self.trouble
        return NotReady(why=trouble) if trouble else None

    def heard_within(self, limit_s: float) -> bool:
        """Whether a worker has sent a heartbeat within so many seconds."""
        return any(slot.worker is not None and slot.worker.heard_ago_s <= limit_s for slot in self.slots)

    @property
    def pids(self) -> list[int]:
        """The worker processes."""
        return [slot.worker.pid for slot in self.slots if slot.worker is not None]

    @property
    def hopeful(self) -> bool:
        """Whether a worker is there or is about to be."""
        return any(slot.hopeful for slot in self.slots)

    @property
    def crash_loop(self) -> CrashLooping | None:
        """The worst crash loop among the slots; None while there is none."""
        return worst_crash_loop(self.slots)

    def retry_now(self) -> None:
        """What kept the workers from starting has been mended."""
        for slot in self.slots:
            slot.retry_now()

    def _new_slot(self) -> WorkerSlot:
        taken = {slot.name for slot in self.slots}
        name = next(name for n in itertools.count() if (name := f"{self._name}-{n}") not in taken)
        return WorkerSlot(
            name, self._prepare, self._serve_one, self._settings, self._metrics,
            memory=self._memory, spawn=self._spawn,
        )  # fmt: skip

    async def _serve_one(self, process: WorkerProcess) -> None:
        """Greet a worker that is new, and take one answer from it."""
        worker = self._workers.get(process)
        if worker is None:
            worker = self._workers[process] = EngineWorker(process, self._settings.window_timeout_s)
            self.keeper.workers_changed()
        try:
            self._take(worker, await process.receive(None))
        except BaseException as end:
            # Whatever ends it, a stop or a bug here too: what the worker had goes on to the next one.
            del self._workers[process]
            self.keeper.lost(worker, end if isinstance(end, WorkerDied) else WorkerDied("stopped", blames_work=False))
            worker.ended()
            raise

    def _take(self, worker: EngineWorker, message: ToParent) -> None:
        if not isinstance(message, WindowDecoded | Failed | Dropped) or not worker.answered(message.id):
            log.error("worker_out_of_step", pid=worker.process.pid, reply=type(message).__name__)
            worker.process.kill("protocol_error")
            return
        outcome: Outcome = None
        if isinstance(message, WindowDecoded):
            outcome = message
        elif isinstance(message, Failed):
            outcome = to_error(message)
        self.keeper.answered(message.id, outcome)

    async def _keep_fresh(self) -> None:
        """Look after age and memory of the workers, and renew them one after the other."""
        while True:
            await asyncio.sleep(self._settings.renew_check_s)
            for slot in list(self.slots):
                worker = self._workers.get(slot.worker) if slot.worker is not None else None
                if worker is None:
                    continue
                self._metrics.worker_memory.labels(slot.name).set(worker.resident_bytes)
                self._metrics.batch_halvings.labels(slot.name).set(worker.halvings)
                age_s = time.monotonic() - worker.started_at
                reason = self._renewal.due(age_s, worker.loaded_bytes, worker.resident_bytes)
                if reason is not None:
                    await self._renew(slot, worker, reason)

    async def _renew(self, slot: WorkerSlot, worker: EngineWorker, reason: str) -> None:
        """The next worker first, where there is room for two; then this one, once it has answered what it has."""
        async with self._changing:
            if slot not in self.slots:
                return
            self._metrics.renewals.labels("engine", reason).inc()
            log.info("worker_renewal", slot=slot.name, pid=worker.process.pid, reason=reason)
            successor = await self._successor()
            worker.leaving = True
            self.keeper.workers_changed()
            await worker.emptied.wait()
            if successor is None:
                worker.process.kill("renewed")
            else:
                self.slots.remove(slot)
                await slot.close()

    async def _successor(self) -> WorkerSlot | None:
        """A slot whose worker is ready; None where it could not be started beside the others."""
        slot = self._new_slot()
        self.slots.append(slot)
        slot.open()
        while slot.state is SlotState.STARTING:
            slot.changed.clear()
            await slot.changed.wait()
        if slot.state is SlotState.READY:
            return slot
        self.slots.remove(slot)
        await slot.close()
        return None


def _report_bug(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.critical("upkeep_ended", exc_info=task.exception())
