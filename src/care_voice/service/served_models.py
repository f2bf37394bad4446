"""The models that are served: the default one is always loaded, others when they are asked for, and not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.scheduler.scheduler import Scheduler
from care_voice.service.model_keeper import ModelKeeper
from care_voice.supervisor.pool import WindowPool

log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class ServedModel:
    """One model with its workers and its queue; `users` counts the transcriptions that hold it. Nothing keeps a model
    whose files are elsewhere."""

    name: str
    scheduler: Scheduler
    keeper: ModelKeeper | None
    users: int = 0
    loaded: bool = False
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    unloading: asyncio.TimerHandle | None = None

    @property
    def pool(self) -> WindowPool:
        return self.scheduler.pool

    @property
    def multilingual(self) -> bool:
        """Whether it knows more than English: as its worker says, else as the catalogue does."""
        if self.pool.workers or self.keeper is None:
            return self.pool.multilingual
        return self.keeper.model.languages == "multilingual"


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

    @asynccontextmanager
    async def using(self, model: ServedModel) -> AsyncIterator[Scheduler]:
        """Hold a model while it is used; it is loaded first where it is not.

        Raises:
            ModelError: It is not installed, or not whole.
            NotEnoughMemory: There is no room for it beside what is loaded.
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
            if model.keeper is not None:
                await model.keeper.require()
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
