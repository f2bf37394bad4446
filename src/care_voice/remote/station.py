"""The remote server as a taker of windows: so many at a time, each a task of its own."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import WorkerFailed
from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.supervisor.pool import Outcome, audio_seconds

log = structlog.get_logger(__name__)

Deliver = Callable[[DecodeWindow], Coroutine[Any, Any, WindowDecoded]]
Answered = Callable[[int, Outcome], None]


class RemoteStation:
    """Answers each window once, by way of `answered`."""

    def __init__(self, most: int, deliver: Deliver, answered: Answered) -> None:
        self._most = most
        self._deliver = deliver
        self._answered = answered
        self._windows: dict[int, tuple[float, asyncio.Task[WindowDecoded]]] = {}

    @property
    def in_flight(self) -> int:
        """Windows that it has."""
        return len(self._windows)

    @property
    def load_s(self) -> float:
        """Audio seconds that it has."""
        return sum(audio_s for audio_s, _ in self._windows.values())

    def has_room(self, audio_s: float, *, patient: bool) -> bool:  # noqa: ARG002 - a server counts requests
        """Whether it wants one more window."""
        return self.in_flight < self._most

    def submit(self, number: int, request: DecodeWindow) -> None:
        """Send a window."""
        work = self._deliver(msgspec.structs.replace(request, id=number))
        task = asyncio.create_task(work, name=f"remote-window-{number}")
        self._windows[number] = (audio_seconds(request), task)
        # Not in the coroutine: one that is cancelled before its first step would never say so.
        task.add_done_callback(functools.partial(self._ended, number))

    def cancel(self, number: int) -> None:
        """Nobody waits for this window any more: its request is ended."""
        if number in self._windows:
            self._windows[number][1].cancel()

    async def close(self) -> None:
        """End all requests."""
        tasks = [task for _, task in self._windows.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, number: int, task: asyncio.Task[WindowDecoded]) -> None:
        del self._windows[number]
        if task.cancelled():
            self._answered(number, None)
            return
        error = task.exception()
        if error is None:
            self._answered(number, task.result())
        elif isinstance(error, CareVoiceError):
            self._answered(number, error)
        else:
            log.error("remote_window_failed", exc_info=error)
            self._answered(number, WorkerFailed(why="internal error"))
