"""The models that are served: the default one is always loaded, others when they are asked for, and not for ever."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.scheduler.scheduler import Scheduler
from care_voice.service.engine_choice import Board, EngineChoice, Leave
from care_voice.service.model_keeper import ModelKeeper
from care_voice.service.tuning_policy import EnginePlan
from care_voice.supervisor.engine_pool import EnginePool
from care_voice.supervisor.pool import WindowPool

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class LocalEngine:
    """A model whose files are here, and the workers that run it."""

    keeper: ModelKeeper
    choice: EngineChoice
    pool: EnginePool
    _opened_for: EnginePlan | None = field(default=None, init=False)

    async def settle(self, leave: Leave, board: Board) -> str:
        """Choose what runs it, and with how many workers; returns that for people. Raises RuntimeUnavailable.

        A plan that workers run as it was chosen stands. Otherwise they are ended first: what they hold would count as
        memory that the next plan cannot have, and those that remained would run another plan than the health tells.
        """
        if self.pool.running and self._opened_for == self.choice.plan and not leave.doubted:
            return self.choice.detail
        await self.pool.close()
        detail = await self.choice.settle(leave, board)
        await self.pool.resize(self.choice.plan.workers)
        self._opened_for = self.choice.plan
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
    loading: asyncio.Task[None] | None = None
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
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for model in self._models.values():
            if model.unloading is not None:
                model.unloading.cancel()
        await asyncio.gather(*(model.pool.close() for model in self._models.values()))

    async def _load(self, model: ServedModel) -> None:
        """Whoever gives up meanwhile leaves the loading to the others that wait, and to whoever asks next."""
        if model is self.default or model.loaded:
            return
        if model.loading is None or model.loading.done():
            model.loading = self._begin(self._loading(model), f"load-{model.name}")
        await asyncio.shield(model.loading)

    async def _loading(self, model: ServedModel) -> None:
        async with model.changing:
            if model.local is not None:
                await model.local.keeper.require()
                # A request waits for this: it is run as was measured before, or else without measuring.
                await model.local.settle(Leave(measure=False), _Unseen())
            model.pool.open()
            try:
                detail = await model.pool.wait_ready()
            except Exception:
                await model.pool.close()
                raise
            model.loaded = True
            log.info("model_loaded", model=model.name, detail=detail)
        self._unload_later(model)

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        # A context of its own: the request that asked first must not lend its id to the logs of what outlives it.
        task = asyncio.create_task(work, name=name, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Whoever waits for it gets its error; the log tells of it where nobody does any more."""
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, CareVoiceError):
            log.warning("model_task_failed", task=task.get_name(), code=error.code, detail=error.message)
        elif error is not None:
            log.error("model_task_failed", task=task.get_name(), exc_info=error)

    def _unload_later(self, model: ServedModel) -> None:
        if model.unloading is not None:
            model.unloading.cancel()
        if model is not self.default and model.users == 0:
            model.unloading = asyncio.get_running_loop().call_later(self._unload_after_s, self._unload_soon, model)

    def _unload_soon(self, model: ServedModel) -> None:
        self._begin(self._unload(model), f"unload-{model.name}")

    async def _unload(self, model: ServedModel) -> None:
        async with model.changing:
            if model.users == 0 and model.loaded:
                model.loaded = False
                await model.pool.close()
                log.info("model_unloaded", model=model.name)
