"""A wait that ends with its event, with its time, or with a cancel, which is never lost."""

from __future__ import annotations

import asyncio

import pytest

from care_voice.supervisor.waiting import came_within


async def test_an_event_that_came_and_one_that_did_not() -> None:
    event = asyncio.Event()
    assert not await came_within(event, 0.0)
    assert not await came_within(event, 0.01)
    asyncio.get_running_loop().call_soon(event.set)
    assert await came_within(event, 60.0)
    assert await came_within(event, 0.0)


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancel_that_comes_with_the_event_is_not_lost(turns: int) -> None:
    event = asyncio.Event()
    task = asyncio.create_task(came_within(event, 60.0))
    await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.cancel():
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        assert task.result()
