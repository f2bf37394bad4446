"""Blocking resources in asynchronous code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def entered(context: AbstractContextManager[T]) -> AsyncIterator[T]:
    """The same context, entered and left in threads. It is left too where the task is cancelled while it is entered."""
    entering = asyncio.ensure_future(asyncio.to_thread(context.__enter__))
    try:
        value = await asyncio.shield(entering)
    except asyncio.CancelledError:
        entering.add_done_callback(lambda done: _leave_late(context, done))
        raise
    try:
        yield value
    finally:
        await asyncio.shield(asyncio.to_thread(context.__exit__, None, None, None))


def _leave_late(context: AbstractContextManager[T], entering: asyncio.Future[T]) -> None:
    """Nobody waits any more for what was just entered."""
    if not entering.cancelled() and entering.exception() is None:
        asyncio.get_running_loop().run_in_executor(None, context.__exit__, None, None, None)
