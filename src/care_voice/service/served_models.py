"""The models that are served: the default one is always loaded, others when they are asked for, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.scheduler.scheduler import Scheduler
from care_voice.service.engine_choice import Board, EngineChoice, Leave
from care_voice.service.model_keeper import ModelKeeper
from care_voice.supervisor.engine_pool import EnginePool
from care_voice.supervisor.pool import WindowPool

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """A model whose files are here, and the workers that run it."""

    keeper: ModelKeeper
    choice: EngineChoice
    pool: EnginePool

    async def settle(self, leave: Leave, board: Board) -> str:
        """Choose what runs it, and with how many workers; returns that for people. Raises RuntimeUnavailable."""
        detail = await self.choice.settle(leave, board)
        await self.pool.resize(self.choice.plan.workers)
        return detail


@dataclass(eq=False, slots=True)
class ServedModel:
    """One model and its queue; `local` is None where a server elsewhere decodes. `users` counts the transcriptions that
    hold it."""

    name: str
    scheduler: Scheduler
    local: LocalEngine | None = None
    users: int = 0
    loaded: bool = False
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    unloading: asyncio.TimerHandle | None = None

    @property
    def keeper(self) -> ModelKeeper | None:
        """Who looks after its files; None where they are elsewhere."""
        return self.local.keeper if self.local else None

    @property
    def pool(self) -> WindowPool:
        return self.scheduler.pool

    @property
    def multilingual(self) -> bool:
        """Whether it knows more than English: as its worker says, else as the catalogue does."""
        if self.pool.workers or self.keeper is None:
            return self.pool.multilingual
        return self.keeper.model.languages == "multilingual"


class _Unseen:
    """Nobody looks."""

    def say(self, detail: str, progress: float | None = None) -> None: ...


class ServedModels:
    """The first one is the default: the lifecycle starts it, and it stays."""

    def __init__(self, models: Sequence[ServedModel], unload_after_s: float) -> None:
        self._models = {model.name: model for model in models}
        self._unload_after_s = unload_after_s
        self._tasks: set[asyncio.Task[None]] = set()
        self.default = models[0]

    @property
    def names(self) -> list[str]:
        """All of them, the default one first."""
        return list(self._models)

    def __getitem__(self, name: str) -> ServedModel:
        return self._models[name]

    @property
    def in_use(self) -> frozenset[str]:
        """The models whose files are needed: those that are served, and what is made from them to run them."""
        return frozenset().union(*(choice.names for choice in self._choices))

    def runtime_of(self, name: str) -> str | None:
        """What runs a served model, or the served model that is run by these graphs; None where it is neither."""
        return next((choice.plan.runtime for choice in self._choices if name in choice.names), None)

    @property
    def _choices(self) -> list[EngineChoice]:
        return [model.local.choice for model in self._models.values() if model.local is not None]

    @asynccontextmanager
    async def using(self, model: ServedModel) -> AsyncIterator[Scheduler]:
        """Hold a model while it is used; it is loaded first where it is not.

        Raises:
            ModelError: It is not installed, or not whole.
            NotEnoughMemory: There is no room for it beside what is loaded.
            RuntimeUnavailable: The settings ask for a runtime that cannot run it.
            WorkerFailed: Its worker does not start.
            RemoteUnavailable, RemoteMisconfigured: The server that has it does not work.
        """
        model.users += 1
        try:
            await self._load(model)
            yield model.scheduler
        finally:
            model.users -= 1
            self._unload_later(model)

    async def close(self) -> None:
        """End the workers of all models."""
        for task in self._tasks:
            task.cancel()
        for model in self._models.values():
            if model.unloading is not None:
                model.unloading.cancel()
        await asyncio.gather(*(model.pool.close() for model in self._models.values()))

    async def _load(self, model: ServedModel) -> None:
        if model is self.default:
            return
        async with model.changing:
            if model.loaded:
                return
            if model.local is not None:
                await model.local.keeper.require()
                # A request waits for this: it is run as was measured before, or else without measuring.
                await model.local.settle(Leave(measure=False), _Unseen())
            model.pool.open()
            try:
                detail = await model.pool.wait_ready()
            except CareVoiceError:
                await model.pool.close()
                raise
            model.loaded = True
            log.info("model_loaded", model=model.name, detail=detail)

    def _unload_later(self, model: ServedModel) -> None:
        if model.unloading is not None:
            model.unloading.cancel()
        if model is not self.default and model.users == 0:
            model.unloading = asyncio.get_running_loop().call_later(self._unload_after_s, self._unload_soon, model)

    def _unload_soon(self, model: ServedModel) -> None:
        task = asyncio.create_task(self._unload(model), name=f"unload-{model.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _unload(self, model: ServedModel) -> None:
        async with model.changing:
            if model.users == 0 and model.loaded:
                model.loaded = False
                await model.pool.close()
                log.info("model_unloaded", model=model.name)
