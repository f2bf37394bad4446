"""A pool whose size changes while a worker is renewed keeps as many slots as it was told to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from care_voice.supervisor.engine_pool import EnginePool
from care_voice.supervisor.engine_worker import EngineWorker
from care_voice.supervisor.pool import WindowKeeper
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.slot import SlotState, WorkerSlot
from care_voice.supervisor.worker import WorkerSpec
from care_voice.telemetry.metrics import Metrics
from support.waiting import until


@dataclass
class Old:
    """A worker that is to be renewed and has windows in hand until it is `emptied`."""

    leaving: bool = False
    emptied: asyncio.Event = field(default_factory=asyncio.Event)
    process: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(pid=1))


class Renewing(EnginePool):
    """No process is started: a successor is ready at once, and the other slots start for ever."""

    async def _successor(self) -> WorkerSlot | None:
        slot = self._new_slot()
        self.slots.append(slot)
        slot._become(SlotState.READY)
        return slot


def pool_of(count: int) -> Renewing:
    async def never() -> WorkerSpec:
        await asyncio.Event().wait()
        raise AssertionError

    pool = Renewing(count, never, SupervisorSettings(), Metrics())
    pool.keeper = cast("WindowKeeper", SimpleNamespace(workers_changed=lambda: None, stopped=lambda: None))
    pool.open()
    return pool


@pytest.mark.parametrize("count", [1, 2])
async def test_a_resize_during_a_renewal_leaves_as_many_slots_as_it_was_told(count: int) -> None:
    pool, old = pool_of(1), Old()
    first = pool.slots[0]
    renewal = asyncio.create_task(pool._renew(first, cast("EngineWorker", old), "age"))
    await until(lambda: old.leaving, "the successor is there")
    resize = asyncio.create_task(pool.resize(count))
    for _ in range(10):
        await asyncio.sleep(0)  # so that it is done, or waits
    old.emptied.set()
    await asyncio.gather(renewal, resize)

    assert len(pool.slots) == count
    assert first not in pool.slots
    await pool.close()


async def test_a_worker_whose_slot_has_gone_is_not_renewed() -> None:
    pool, old = pool_of(2), Old()
    surplus = pool.slots[1]
    await pool.resize(1)
    await pool._renew(surplus, cast("EngineWorker", old), "age")

    assert not old.leaving
    assert len(pool.slots) == 1
    await pool.close()
