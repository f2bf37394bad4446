"""Taking work from a queue on behalf of a worker that may die, or be told to stop, at that very moment."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from care_voice.supervisor.worker import WorkerProcess

T = TypeVar("T")


async def next_job(queue: asyncio.Queue[T], worker: WorkerProcess) -> T:
    """The next piece of work; whatever ends the wait, none is lost.

    Raises:
        WorkerDied: The worker ended while it had nothing to do.
    """
    getter = asyncio.ensure_future(queue.get())
    try:
        return await worker.while_alive(getter)
    except asyncio.CancelledError:
        if getter.done() and not getter.cancelled():
            queue.put_nowait(getter.result())
        raise
