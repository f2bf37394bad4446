"""When the known clip is decoded again, and what its failure means. The engine is stood in for."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import Overloaded, SelfTestFailed
from care_voice.service import selftest_watch
from care_voice.service.lifecycle_settings import LifecycleSettings
from care_voice.service.selftest_watch import SelfTestWatch
from support.waiting import until

HEARD = "7 of 7 known words"
OFTEN = LifecycleSettings(self_test_every_s=0.02, self_test_timeout_s=0.01)


class Engine:
    """Answers the clip with what it is told to, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tests = 0
        self.callers: set[tuple[str, bool]] = set()
        self.error: Exception | None = None
        self.cause: CareVoiceError | None = None
        self.failures = 10**6
        self.decoded_at = 0.0
        self.models = SimpleNamespace(default=SimpleNamespace(local=object()))
        monkeypatch.setattr(selftest_watch, "run_self_test", self._test)

    async def _test(self, _: object, __: float, caller: Any) -> str:
        self.tests += 1
        self.callers.add((caller.client, caller.bulk))
        if self.error is not None and self.failures > 0:
            self.failures -= 1
            raise self.error from self.cause
        return HEARD


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(monkeypatch)


def watch_of(engine: Engine, settings: LifecycleSettings = OFTEN) -> SelfTestWatch:
    return SelfTestWatch(cast("Any", engine), settings)


async def test_an_idle_engine_is_tested_behind_all_other_work(engine: Engine) -> None:
    watch = watch_of(engine)
    failing = asyncio.create_task(watch.failure())
    await until(lambda: engine.tests >= 3, "it is tested again and again")
    failing.cancel()

    assert engine.callers == {("self-test", True)}
    assert watch.detail == HEARD
    assert watch.passed_at is not None
    assert watch.lateness is None


async def test_two_failures_in_a_row_are_one(engine: Engine) -> None:
    engine.error = SelfTestFailed(why="7 of 7 known words were not recognised")
    failure = await watch_of(engine).failure()

    assert failure is engine.error
    assert engine.tests == 2


async def test_a_test_that_cannot_even_be_made_is_a_failure_and_not_the_end_of_looking(engine: Engine) -> None:
    engine.error = OSError("the clip cannot be read")
    failure = await watch_of(engine).failure()

    assert failure.message == "The self-test failed: OSError."
    assert engine.tests == 2


async def test_one_failure_is_none(engine: Engine) -> None:
    engine.error, engine.failures = SelfTestFailed(why="no answer within 60 s"), 1
    failing = asyncio.create_task(watch_of(engine).failure())
    await until(lambda: engine.tests >= 4, "it goes on")

    assert not failing.done()
    failing.cancel()


async def test_an_engine_that_has_too_much_to_do_is_not_blamed(engine: Engine) -> None:
    engine.error, engine.cause = SelfTestFailed(why="full"), Overloaded(retry_after_s=3)
    failing = asyncio.create_task(watch_of(engine).failure())
    await until(lambda: engine.tests >= 4, "it goes on")

    assert not failing.done()
    failing.cancel()


async def test_an_engine_that_decodes_is_not_asked(engine: Engine) -> None:
    engine.decoded_at = time.monotonic() + 1000
    failing = asyncio.create_task(watch_of(engine).failure())
    await asyncio.sleep(OFTEN.self_test_every_s * 3)

    assert engine.tests == 0
    failing.cancel()


async def test_an_engine_that_nobody_has_tested_for_long_does_not_count_as_proved(engine: Engine) -> None:
    watch = watch_of(engine)
    await until(lambda: watch.lateness is not None, "it is late")
    watch.passed(HEARD)

    assert watch.lateness is None


@pytest.mark.parametrize("every_s", [0.0, 0.001])
async def test_it_can_be_switched_off_and_a_remote_engine_is_left_alone(engine: Engine, every_s: float) -> None:
    if every_s:
        engine.models.default.local = None
    watch = watch_of(engine, LifecycleSettings(self_test_every_s=every_s, self_test_timeout_s=0.0))
    failing = asyncio.create_task(watch.failure())
    await asyncio.sleep(0.02)

    assert (engine.tests, watch.lateness) == (0, None)
    failing.cancel()
