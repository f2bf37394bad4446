"""Models that are loaded when they are asked for, and a start that is tried again. Workers are stood in for."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from care_voice.app import Application
from care_voice.config import load_settings
from care_voice.domain.service_errors import WorkerFailed
from care_voice.service.engine_choice import Leave
from care_voice.service.served_models import LocalEngine, ServedModel, ServedModels
from care_voice.service.tuning_policy import EnginePlan
from support.waiting import until

GRAPHS = EnginePlan("onnxruntime", 1, 2)
WEIGHTS = EnginePlan("ctranslate2", 1, 2)


class Pool:
    """Workers that are ready when the test says so."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()
        self.error: Exception | None = None
        self.opened = 0
        self.closed = 0
        self.is_open = False

    @property
    def running(self) -> list[str]:
        return ["worker"] if self.is_open and self.ready.is_set() else []

    def open(self) -> None:
        self.opened += 1
        self.is_open = True

    async def close(self) -> None:
        self.closed += 1
        self.is_open = False

    async def resize(self, count: int) -> None: ...

    async def wait_ready(self) -> str:
        await self.ready.wait()
        if self.error is not None:
            raise self.error
        return "loaded"


class Choice:
    """Graphs where there is room for them; one worker that has them leaves none."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.plan = WEIGHTS
        self.settled = 0

    @property
    def detail(self) -> str:
        return str(self.plan)

    async def settle(self, _leave: Leave, _board: object) -> str:
        self.settled += 1
        self.plan = WEIGHTS if self._pool.is_open else GRAPHS
        return self.detail


def served(pool: Pool, unload_after_s: float = 900.0) -> tuple[ServedModels, ServedModel]:
    default, other = (
        ServedModel(name, cast("Any", SimpleNamespace(pool=each)))
        for name, each in (("default", Pool()), ("other", pool))
    )
    return ServedModels([default, other], unload_after_s), other


async def use(models: ServedModels, model: ServedModel) -> None:
    async with models.using(model):
        pass


async def given_up(models: ServedModels, model: ServedModel, pool: Pool) -> None:
    """A request that goes away while the model loads."""
    request = asyncio.create_task(use(models, model))
    await until(lambda: pool.is_open, "the load begins")
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)


async def test_a_client_that_gives_up_leaves_the_loading_to_the_next() -> None:
    pool = Pool()
    models, model = served(pool)
    for _ in range(3):
        await given_up(models, model, pool)
    pool.ready.set()
    await use(models, model)

    assert (pool.opened, pool.closed, model.loaded) == (1, 0, True)
    await models.close()


async def test_a_model_that_nobody_wants_any_more_when_it_is_loaded_is_unloaded_in_time() -> None:
    pool = Pool()
    models, model = served(pool, unload_after_s=0.01)
    await given_up(models, model, pool)
    pool.ready.set()

    await until(lambda: not pool.is_open, "the model is unloaded")
    assert not model.loaded
    await models.close()


@pytest.mark.parametrize("error", [WorkerFailed(why="it cannot"), RuntimeError("a bug")])
async def test_a_load_that_fails_is_told_to_all_that_wait_and_tried_again(error: Exception) -> None:
    pool = Pool()
    models, model = served(pool)
    pool.error = error
    pool.ready.set()
    assert await asyncio.gather(use(models, model), use(models, model), return_exceptions=True) == [error, error]
    assert not pool.is_open
    pool.error = None
    await use(models, model)

    assert (pool.opened, model.loaded) == (2, True)
    await models.close()


async def test_the_end_of_the_service_ends_a_load() -> None:
    pool = Pool()
    models, model = served(pool)
    await given_up(models, model, pool)
    await models.close()

    assert model.loading is not None
    assert model.loading.cancelled()
    assert not pool.is_open


def local_engine() -> tuple[LocalEngine, Choice, Pool]:
    pool = Pool()
    choice = Choice(pool)
    return LocalEngine(cast("Any", None), cast("Any", choice), cast("Any", pool)), choice, pool


async def test_a_start_that_is_tried_again_does_not_count_its_own_workers_against_itself() -> None:
    local, choice, pool = local_engine()
    await local.settle(Leave(), cast("Any", None))
    pool.open()
    pool.ready.set()
    detail = await local.settle(Leave(), cast("Any", None))

    assert (choice.plan, choice.settled, pool.is_open) == (GRAPHS, 1, True)
    assert detail == str(GRAPHS)


async def test_workers_that_do_not_get_ready_are_ended_before_the_plan_is_made_anew() -> None:
    local, choice, pool = local_engine()
    await local.settle(Leave(), cast("Any", None))
    pool.open()
    await local.settle(Leave(), cast("Any", None))

    assert (choice.plan, choice.settled, pool.is_open) == (GRAPHS, 2, False)


async def test_workers_never_go_on_with_another_plan_than_the_one_that_is_shown() -> None:
    local, choice, pool = local_engine()
    await local.settle(Leave(), cast("Any", None))
    pool.open()
    pool.ready.set()
    choice.plan = WEIGHTS  # as after a fall-back
    await local.settle(Leave(), cast("Any", None))

    assert (choice.plan, pool.is_open) == (GRAPHS, False)


async def test_a_model_that_is_named_twice_is_served_once(tmp_path: Path) -> None:
    environment = {"CARE_VOICE_DATA_DIR": str(tmp_path), "CARE_VOICE_ALSO_SERVED": "base,tiny.en,tiny.en"}
    models = Application(load_settings(environment)).models

    assert models.names == ["base", "tiny.en"]
    assert models["base"] is models.default
