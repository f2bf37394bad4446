"""Blocking work on the sound of recordings, in threads of its own.

A copy of hours of sound from S3 takes minutes. In the threads that everything else shares (six of them with two cores)
a few of those would keep the watch of the database, and every request that needs a thread, waiting for as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_THREADS = 4


class AudioThreads:
    """As many whole copies of sound at a time as there are threads; more wait."""

    def __init__(self, threads: int = _THREADS) -> None:
        """No thread is started before the first use."""
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="audio")

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` returns. Once begun it goes on to its end, also when the caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *args, **kwargs))

    @asynccontextmanager
    async def entered(self, context: AbstractContextManager[T]) -> AsyncIterator[T]:
        """The same context, entered and left in threads. It is left too where the task is cancelled while it is
        entered."""
        entering = asyncio.ensure_future(self.run(context.__enter__))
        try:
            value = await asyncio.shield(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(lambda done: self._leave_late(context, done))
            raise
        try:
            yield value
        finally:
            await asyncio.shield(self.run(context.__exit__, None, None, None))

    def _leave_late(self, context: AbstractContextManager[T], entering: asyncio.Future[T]) -> None:
        """Nobody waits any more for what was just entered."""
        if not entering.cancelled() and entering.exception() is None:
            # In a thread of the loop's: these may have been closed meanwhile.
            asyncio.get_running_loop().run_in_executor(None, context.__exit__, None, None, None)

    def close(self) -> None:
        """Wait for what is in hand, and begin nothing more."""
        self._threads.shutdown(cancel_futures=True)
