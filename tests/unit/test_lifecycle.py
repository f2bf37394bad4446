"""The start of the service when its own code is wrong. Workers are stood in for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from care_voice.domain.service_errors import NotReady, RemoteMisconfigured, SelfTestFailed
from care_voice.service import lifecycle as lifecycle_module
from care_voice.service.lifecycle import Check, Lifecycle, LifecycleSettings
from care_voice.telemetry.metrics import Metrics
from support.waiting import until


class Workers:
    """Never ready: the start waits for them."""

    refusal = None
    trouble = None

    def open(self) -> None: ...

    async def close(self) -> None: ...

    async def wait_ready(self) -> str:
        await asyncio.Event().wait()
        return ""


class Checked:
    """A check with a bug, until it is mended."""

    def __init__(self) -> None:
        self.broken = True
        self.runs = 0

    def __call__(self) -> str:
        self.runs += 1
        if self.broken:
            raise ValueError("not enough values to unpack")
        return "fine"


async def test_a_bug_leaves_the_service_degraded_with_a_reason_and_the_start_is_tried_again() -> None:
    check, workers = Checked(), Workers()
    models = SimpleNamespace(default=SimpleNamespace(pool=workers, local=None), close=workers.close)
    settings = LifecycleSettings(retry_first_s=0.001)
    transcriber = cast("Any", SimpleNamespace(models=models))
    lifecycle = Lifecycle([Check("clock", check)], cast("Any", workers), transcriber, settings, Metrics())
    lifecycle.start()
    await until(lambda: check.runs >= 2 and lifecycle.state == "degraded", "a second try")
    stage = lifecycle.board["clock"]

    assert lifecycle.reason is not None
    assert lifecycle.reason.code == "internal_error"
    check.broken = False
    await until(lambda: stage.state == "done", "the check is passed")
    assert stage.error is None
    await lifecycle.close()


async def test_a_stage_that_a_bug_ended_is_shown_as_failed() -> None:
    check, workers = Checked(), Workers()
    models = SimpleNamespace(default=SimpleNamespace(pool=workers, local=None), close=workers.close)
    transcriber = cast("Any", SimpleNamespace(models=models))
    lifecycle = Lifecycle([Check("clock", check)], cast("Any", workers), transcriber, LifecycleSettings(), Metrics())
    lifecycle.start()
    await until(lambda: lifecycle.board["clock"].state == "failed", "the stage fails")

    assert lifecycle.board["clock"].error is not None
    await lifecycle.close()


class Refused(Workers):
    """A server elsewhere that does not take the key."""

    async def wait_ready(self) -> str:
        raise RemoteMisconfigured(why="it does not accept the API key (401)")


class Readers(Workers):
    """Workers that are ready at once."""

    async def wait_ready(self) -> str:
        return "fine"


async def test_requests_are_told_of_a_remote_engine_that_is_set_up_wrongly() -> None:
    workers, media = Refused(), Readers()
    models = SimpleNamespace(default=SimpleNamespace(pool=workers, local=None), close=workers.close)
    transcriber = cast("Any", SimpleNamespace(models=models))
    lifecycle = Lifecycle([], cast("Any", media), transcriber, LifecycleSettings(), Metrics())
    lifecycle.start()
    await until(lambda: lifecycle.state == "degraded", "the refusal is seen")

    with pytest.raises(RemoteMisconfigured, match="401"):
        lifecycle.admit()
    await lifecycle.close()


class Engine(Readers):
    """Hears nothing rightly any more once `fails` is set; to be closed mends it."""

    hopeful = True

    def __init__(self) -> None:
        self.fails = asyncio.Event()
        self.closed = 0

    def heard_within(self, _: float) -> bool:
        return True

    async def close(self) -> None:
        self.closed += 1

    async def failure(self) -> SelfTestFailed:
        await self.fails.wait()
        self.fails.clear()
        return SelfTestFailed(why="7 of 7 known words were not recognised")


async def test_an_engine_that_hears_nothing_rightly_any_more_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, tested = Engine(), asyncio.Queue[str]()

    async def clip(*_: object) -> str:
        return await tested.get()

    monkeypatch.setattr(lifecycle_module, "run_self_test", clip)
    models = SimpleNamespace(default=SimpleNamespace(pool=engine, local=None, name="base"), close=engine.close)
    transcriber = cast("Any", SimpleNamespace(models=models))
    lifecycle = Lifecycle([], cast("Any", engine), transcriber, LifecycleSettings(), Metrics())
    monkeypatch.setattr(lifecycle.self_test, "failure", engine.failure)
    lifecycle.start()
    tested.put_nowait("7 of 7 known words")
    await until(lambda: lifecycle.state == "ready", "it is ready")

    engine.fails.set()
    await until(lambda: lifecycle.state == "degraded" and engine.closed == 1, "it begins anew, without its workers")
    assert lifecycle.reason is not None
    assert lifecycle.reason.code == "self_test_failed"
    with pytest.raises(NotReady, match="not recognised"):
        lifecycle.admit()
    tested.put_nowait("7 of 7 known words")
    await until(lambda: lifecycle.state == "ready", "it is ready again")
    await lifecycle.close()


async def test_requests_wait_for_the_end_of_the_first_try_to_start_and_for_no_more_than_that() -> None:
    workers, media = Refused(), Readers()
    models = SimpleNamespace(default=SimpleNamespace(pool=workers, local=None), close=workers.close)
    transcriber = cast("Any", SimpleNamespace(models=models))
    lifecycle = Lifecycle([], cast("Any", media), transcriber, LifecycleSettings(), Metrics())
    await lifecycle.started()
    assert lifecycle.state == "starting"
    lifecycle.start()
    await lifecycle.started()
    assert lifecycle.state == "degraded"
    await lifecycle.close()


async def test_a_start_that_takes_long_keeps_no_request_waiting_for_its_end() -> None:
    workers = Workers()
    models = SimpleNamespace(default=SimpleNamespace(pool=workers, local=None), close=workers.close)
    transcriber = cast("Any", SimpleNamespace(models=models))
    settings = LifecycleSettings(start_wait_s=0.01)
    lifecycle = Lifecycle([], cast("Any", workers), transcriber, settings, Metrics())
    lifecycle.start()
    await lifecycle.started()
    assert lifecycle.state == "starting"
    await lifecycle.close()
