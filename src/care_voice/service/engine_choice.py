"""What runs a served model: the plan that was measured on this machine, and CTranslate2 where ONNX Runtime fails."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.model_errors import ModelDamaged, ModelError
from care_voice.domain.service_errors import EngineFallback, RuntimeUnavailable, WorkerFailed
from care_voice.engine.processor import read_processor
from care_voice.models.catalogue import CatalogueModel, memory_of_graphs
from care_voice.models.progress import Progress, ProgressCallback
from care_voice.models.report import Verified
from care_voice.service.model_keeper import GraphsKeeper, ModelKeeper
from care_voice.service.tuning_policy import EnginePlan, Measurement, Runtime, choose, narrowed, plans_for
from care_voice.service.tuning_record import Fingerprint, TuningRecord, TuningStore, fingerprint_of, record_of
from care_voice.supervisor.memory import available_memory
from care_voice.supervisor.settings import EngineSettings

log = structlog.get_logger(__name__)

_REMAKE_S = 30.0
"""A worker waits so long for damaged graphs to be made again; then CTranslate2 takes the work."""
_INT8 = frozenset({"auto", "int8"})

Loadable = tuple[CatalogueModel, Verified]
Load = Callable[[EnginePlan], Awaitable[Loadable]]
"""The model that a plan runs, with the proof that it is whole; makes it where it is not there yet."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is measured: for at most `total_s` seconds, making graphs not counted, and plans that cannot win only
    where it is `exhaustive`."""

    total_s: float = 60.0
    exhaustive: bool = False


EXHAUSTIVE = Limits(math.inf, exhaustive=True)

Measure = Callable[[Sequence[EnginePlan], Load, Limits, Tell], Awaitable[list[Measurement]]]
"""`calibration.Calibrator.measure`."""


@dataclass(frozen=True, slots=True)
class Leave:
    """What a start may do: make or mend the model and the graphs, and measure where that was not done here."""

    repair: bool = True
    measure: bool = True
    doubted: bool = False
    """The engine failed: every byte is read again, and workers are started anew."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a plan has to fit: cores that may be used, and bytes of memory that are free (None: not known)."""

    cores: int
    free_bytes: Callable[[], int | None] = available_memory


class Board(Protocol):
    """Whoever shows how far it is."""

    def say(self, detail: str, progress: float | None = None) -> None: ...


def shown_on(board: Board, doing: str = "") -> ProgressCallback:
    """Show on the board how far a pull is, or the making of a model; `doing` comes first."""

    def show(event: Progress) -> None:
        progress = event.done_bytes / event.total_bytes if event.total_bytes else None
        board.say(f"{doing}{event.phase} {event.file}".strip(), progress)

    return show


class EngineChoice:
    """Decides what a model's workers load. `graphs` keeps what is made from it for ONNX Runtime."""

    def __init__(
        self,
        keeper: ModelKeeper,
        graphs: GraphsKeeper,
        settings: EngineSettings,
        machine: Machine,
        measuring: tuple[TuningStore, Measure],
    ) -> None:
        self._keeper = keeper
        self._graphs = graphs
        self._settings = settings
        self._machine = machine
        self._store, self._measure = measuring
        self._record: TuningRecord | None = None
        self._mending = asyncio.Lock()
        workers = max(1, settings.workers)
        self.plan = EnginePlan("ctranslate2", workers, settings.threads or max(1, machine.cores // workers))
        """Valid once it is settled."""
        self.notice: CareVoiceError | None = None
        """What an operator should know of it; None when there is nothing."""
        self.remark = ""
        """Why only CTranslate2 was considered, where the settings leave the choice; no fault."""

    @property
    def names(self) -> frozenset[str]:
        """The models that may not be removed while this one is served."""
        return frozenset({self._keeper.name, self._graphs.name} if self._on_graphs else {self._keeper.name})

    @property
    def measured_at(self) -> str | None:
        """When the plan was measured, in UTC; None where it was not."""
        record = self._record
        return record.measured_at if record is not None and record.plan.runtime == self.plan.runtime else None

    @property
    def detail(self) -> str:
        """The plan, for people."""
        if self.measured_at is not None:
            return f"{self.plan}, measured at {self.measured_at}"
        return f"{self.plan}, not measured{f': {self.remark}' if self.remark else ''}"

    # --- the plan -----------------------------------------------------------------------------------------------------

    async def settle(self, leave: Leave, board: Board) -> str:
        """Choose the plan; returns it for people. The model itself must be whole.

        Raises:
            RuntimeUnavailable: The settings ask for ONNX Runtime, and it cannot be used.
        """
        try:
            runtimes = self._runtimes()
            plan = await self._chosen(runtimes, leave, board)
            if plan.runtime == "onnxruntime" and not self._is_graphs:
                await self._secure_graphs(leave, board)
            self.plan = plan
        except CareVoiceError as error:
            self._fall_back(error)
        return self.detail

    def _runtimes(self) -> tuple[Runtime, ...]:
        """Those that could run the model. Raises RuntimeUnavailable where the one that is asked for cannot."""
        asked, why = self._settings.runtime, self._why_no_graphs()
        if asked == "onnxruntime" and why:
            raise RuntimeUnavailable(name=self._keeper.name, runtime="ONNX Runtime", why=why)
        if self._is_graphs:
            if asked == "ctranslate2":
                why = "it consists of graphs for ONNX Runtime"
                raise RuntimeUnavailable(name=self._keeper.name, runtime="CTranslate2", why=why)
            return ("onnxruntime",)
        if asked == "auto":
            self.remark = why
            return ("ctranslate2",) if why else ("ctranslate2", "onnxruntime")
        return (asked,)

    def _why_no_graphs(self) -> str:
        """Why ONNX Runtime cannot run this model here; empty where it can."""
        model = self._keeper.model
        if self._settings.device == "cuda":
            return "it computes on the CPU alone, and the device is cuda"
        if not read_processor().exact_products:
            return "this processor lacks VNNI, which int8 graphs need"
        if self._is_graphs:
            return ""
        if self._settings.compute_type not in _INT8:
            return f"its graphs compute as int8, and the settings ask for {self._settings.compute_type}"
        if model.derived is not None or "int8" in model.format:
            return "its weights are quantised already, and graphs are made from others"
        return "" if self._room("onnxruntime") else "there is not enough memory for it"

    async def _chosen(self, runtimes: Sequence[Runtime], leave: Leave, board: Board) -> EnginePlan:
        plans = self._plans(runtimes)
        if len(plans) == 1 or self._settings.device == "cuda":
            return plans[0]
        known = await asyncio.to_thread(self._store.read, self._keeper.name, self._fingerprint(runtimes))
        # A record that is not lasting was not stored; a start that is tried again does not measure again all the same.
        record = known or self._record
        if record is None and leave.measure and "onnxruntime" in runtimes:
            record = await self._measured(runtimes, Limits(), board)
        if record is None:
            return plans[0]
        self._adopt(record)
        if self._settings.workers:
            return record.plan
        return narrowed(record.plan, self._room(record.plan.runtime), self._machine.cores)

    async def tune(self, limits: Limits, board: Board) -> TuningRecord:
        """Measure now, whatever was measured before, and keep it.

        Raises:
            RuntimeUnavailable: The settings ask for ONNX Runtime, and it cannot be used.
            CareVoiceError: Nothing could be measured.
        """
        return await self._measured(self._runtimes(), limits, board)

    async def _measured(self, runtimes: Sequence[Runtime], limits: Limits, board: Board) -> TuningRecord:
        plans = self._plans(runtimes)
        measured = await self._measure(plans, lambda plan: self._make(plan, board), limits, board.say)
        chosen = choose(measured)
        if chosen is None:
            raise WorkerFailed(why=next((each.why for each in measured if each.why), "nothing was measured"))
        record = record_of(self._keeper.name, self._fingerprint(runtimes), chosen.plan, measured)
        log.info("engine_chosen", model=record.model, plan=str(chosen.plan), latency_s=chosen.latency_s)
        if record.lasting:
            await asyncio.to_thread(self._store.write, record)
        return record

    def _plans(self, runtimes: Sequence[Runtime]) -> list[EnginePlan]:
        room = {runtime: self._room(runtime) for runtime in runtimes}
        wanted = self._settings
        return plans_for(room, self._machine.cores, workers=wanted.workers, threads=wanted.threads)

    def _adopt(self, record: TuningRecord) -> None:
        self._record = record
        self.notice = None
        if record.trouble:
            self._note(record.trouble)

    def _fingerprint(self, runtimes: Sequence[Runtime]) -> Fingerprint:
        derived = "onnxruntime" in runtimes and not self._is_graphs
        graphs = self._graphs.model if derived else None
        return fingerprint_of(self._keeper.model, graphs, self._settings, self._machine.cores)

    def _room(self, runtime: Runtime) -> int:
        """Workers that find room in memory."""
        model, free = self._keeper.model, self._machine.free_bytes()
        needed = model.memory_bytes
        if runtime == "onnxruntime" and not self._is_graphs:
            needed = self._graphs.model.memory_bytes or memory_of_graphs(model.total_bytes // 2)
        return free // needed if free is not None and needed else _UNLIMITED

    # --- what workers load --------------------------------------------------------------------------------------------

    async def next_load(self) -> Loadable:
        """Before each start of a worker: the model that it loads. Graphs that are damaged are made again, and where
        they cannot be, CTranslate2 runs the model.

        Raises:
            ModelError: The model itself is not whole, or the graphs that the settings insist on are not.
        """
        if self._on_graphs:
            try:
                await self._whole_graphs()
            except CareVoiceError as error:
                self._fall_back(error)
        return await self._load(self.plan)

    async def _load(self, plan: EnginePlan) -> Loadable:
        keeper = self._graphs if plan.runtime == "onnxruntime" and not self._is_graphs else self._keeper
        return keeper.model, await keeper.require()

    async def _make(self, plan: EnginePlan, board: Board) -> Loadable:
        if plan.runtime == "onnxruntime" and not self._is_graphs:
            await self._secure_graphs(Leave(), board)
        return await self._load(plan)

    async def _secure_graphs(self, leave: Leave, board: Board) -> Verified:
        if leave.repair:
            await self._graphs.ensure(shown_on(board, "making graphs for ONNX Runtime: "), full=leave.doubted)
        return await self._graphs.require()

    async def _whole_graphs(self) -> Verified:
        """Raises CareVoiceError where they are damaged and cannot be made again soon."""
        try:
            return await self._graphs.require()
        except ModelError as error:
            return await self._remade(error)

    async def _remade(self, damage: CareVoiceError) -> Verified:
        async with self._mending:
            log.warning("model_needs_mending", model=self._graphs.name, damage=damage.message)
            try:
                async with asyncio.timeout(_REMAKE_S):
                    await self._graphs.ensure(full=True)
            except TimeoutError:
                why = f"{damage.fields.get('why', damage.message)}; making it again takes too long"
                raise ModelDamaged(name=self._graphs.name, why=why) from None
            verified = await self._graphs.require()
            log.info("model_mended", model=self._graphs.name)
            return verified

    # --- while it runs ------------------------------------------------------------------------------------------------

    async def look_after(self) -> None:
        """Mend the graphs where a file of them has changed; workers serve from memory meanwhile."""
        if self._on_graphs and not await self._graphs.unchanged():
            damage = await self._graphs.damage()
            if damage is not None:
                await self.mend(damage)

    async def mend(self, damage: CareVoiceError) -> None:
        """Make the graphs again; the next worker runs CTranslate2 where that fails."""
        self.notice = damage
        try:
            await self._remade(damage)
        except CareVoiceError as error:
            self._fall_back(error)
        else:
            self.notice = None

    @property
    def uses_graphs(self) -> str | None:
        """The name of the graphs that run the model; None where there are none beside the model itself."""
        return self._graphs.name if self._on_graphs else None

    @property
    def signature_problem(self) -> CareVoiceError | None:
        """What the policy `warn` has to say about the graphs."""
        return self._graphs.signature_problem if self._on_graphs else None

    @property
    def _on_graphs(self) -> bool:
        return self.plan.runtime == "onnxruntime" and not self._is_graphs

    @property
    def _is_graphs(self) -> bool:
        """Whether the model that is served by name consists of graphs itself."""
        return self._keeper.model.graphs

    def _fall_back(self, error: CareVoiceError) -> None:
        """Raises RuntimeUnavailable where the settings, or the model, leave no other runtime."""
        name = self._keeper.name
        if isinstance(error, RuntimeUnavailable):
            raise error
        if self._settings.runtime == "onnxruntime" or self._is_graphs:
            raise RuntimeUnavailable(name=name, runtime="ONNX Runtime", why=error.message.removesuffix("."))
        workers = self.plan.workers
        threads = self._settings.threads or max(1, self._machine.cores // workers)
        self.plan = EnginePlan("ctranslate2", workers, threads)
        self._note(error.message)

    def _note(self, why: str) -> None:
        self.notice = EngineFallback(name=self._keeper.name, why=why.removesuffix("."))
        log.warning("engine_fallback", model=self._keeper.name, why=why)


_UNLIMITED = 1 << 30
