"""A conversation with an engine worker: several windows outstanding, each answered once, in any order."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import msgspec

from care_voice.engine.protocol import PATIENT_TURN, Cancel, DecodeWindow, Heartbeat, Ready
from care_voice.supervisor.pool import audio_seconds
from care_voice.supervisor.worker import WorkerProcess

_SETTLED_AFTER = 3
"""Windows after which a worker's memory is what it works with: the first ones allocate buffers that it keeps."""
_PATIENT_TIMES = PATIENT_TURN + 1
"""So many times as long a patient window may take where others go before it: while there are always others, each of its
steps is one of its own and `PATIENT_TURN` of theirs. It does not hang for that."""


@dataclass(frozen=True, slots=True)
class _Outstanding:
    audio_s: float
    patient: bool
    deadline: asyncio.TimerHandle


class EngineWorker:
    """A live engine worker and the windows that it has."""

    def __init__(self, process: WorkerProcess, window_timeout_s: float) -> None:
        assert process.ready is not None
        self.process = process
        self.started_at = time.monotonic()
        self.leaving = False
        """It is to be renewed and gets no more windows."""
        self.emptied = asyncio.Event()
        """Set while it has no window."""
        self.emptied.set()
        self.loaded_bytes = 0
        """Resident memory once it has settled, and no less than was reckoned with; 0 before."""
        self._answered = 0
        self._ready = process.ready
        self._window_timeout_s = window_timeout_s
        self._windows: dict[int, _Outstanding] = {}

    @property
    def in_flight(self) -> int:
        """Windows that it has."""
        return len(self._windows)

    @property
    def load_s(self) -> float:
        """Audio seconds that it has."""
        return sum(window.audio_s for window in self._windows.values())

    @property
    def resident_bytes(self) -> int:
        """Its memory at the last heartbeat."""
        return self.process.heartbeat.rss_bytes if self.process.heartbeat else 0

    @property
    def halvings(self) -> int:
        """How often it had run out of memory at the last heartbeat, and made its batches half as large."""
        return self.process.heartbeat.halvings if self.process.heartbeat else 0

    @property
    def wants(self) -> Ready | Heartbeat:
        """Whichever says how much it wants in flight now: less than at first where it has run out of memory."""
        heartbeat = self.process.heartbeat
        return heartbeat if heartbeat is not None and heartbeat.capacity else self._ready

    def has_room(self, audio_s: float, *, patient: bool) -> bool:
        """Whether it wants a window of this length now."""
        beside = [each for each in self._windows.values() if each.patient == patient or not self._ready.preempts]
        if self.leaving or not self.process.alive or len(beside) >= self.wants.capacity:
            return False
        limit_s = self.wants.capacity_s
        return not limit_s or not beside or sum(each.audio_s for each in beside) + audio_s <= limit_s

    def submit(self, number: int, request: DecodeWindow) -> None:
        """Give it a window; one that is not answered in time ends the worker."""
        times = _PATIENT_TIMES if request.patient and self._ready.preempts else 1
        loop = asyncio.get_running_loop()
        deadline = loop.call_later(self._window_timeout_s * times, self.process.kill, "hang")
        self._windows[number] = _Outstanding(audio_seconds(request), request.patient, deadline)
        self.emptied.clear()
        self.process.post(msgspec.structs.replace(request, id=number))

    def cancel(self, number: int) -> None:
        """Nobody waits for this window any more; it counts as in flight until the worker has said so."""
        if number in self._windows:
            self.process.post(Cancel(number))

    def answered(self, number: int) -> bool:
        """Take note of an answer; whether the worker had this window."""
        window = self._windows.pop(number, None)
        if window is None:
            return False
        window.deadline.cancel()
        self._settle()
        if not self._windows:
            self.emptied.set()
        return True

    def ended(self) -> None:
        """The process is gone, or is about to be."""
        for window in self._windows.values():
            window.deadline.cancel()
        self._windows.clear()
        self.emptied.set()

    def _settle(self) -> None:
        self._answered += 1
        if self._answered >= _SETTLED_AFTER and self.loaded_bytes == 0:
            # Windows that share a step need buffers that three in a row may not have needed: that growth is no leak.
            self.loaded_bytes = max(self.resident_bytes, self.process.spec.needed_bytes)
