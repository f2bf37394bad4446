"""The circuit breaker: whether a server that fails is asked at all. Pure: it is told the time.

Closed, requests go out. After failures in a row, or a share of them within a minute, it opens: nothing goes out for a
while. Then it is half-open: one probe goes out, which closes it or opens it again for twice as long (Nygard, Release
It!, 2nd edition, section 5.2).
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from care_voice.remote.settings import BreakerSettings

_MEMORY_S = 60.0


class BreakerState(Enum):
    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Breaker:
    """Times are monotonic seconds. It begins half-open: nothing is known of the server yet."""

    def __init__(self, settings: BreakerSettings) -> None:
        self._settings = settings
        self._outcomes: deque[tuple[float, bool]] = deque()
        self.reset()

    def reset(self) -> None:
        """Nothing is known of the server any more."""
        self._outcomes.clear()
        self._in_a_row = 0
        self._failed_probes = 0
        self._until = 0.0
        self.state = BreakerState.HALF_OPEN

    def wait_s(self, now: float) -> float:
        """Seconds until a probe is due; 0 while it is not open."""
        return max(0.0, self._until - now) if self.state is BreakerState.OPEN else 0.0

    def note(self, now: float, *, ok: bool) -> None:
        """A request has ended. One that was sent before it opened says nothing about now."""
        if self.state is not BreakerState.CLOSED:
            return
        self._outcomes.append((now, ok))
        while self._outcomes[0][0] < now - _MEMORY_S:
            self._outcomes.popleft()
        self._in_a_row = 0 if ok else self._in_a_row + 1
        if not ok and (self._in_a_row >= self._settings.failures or self._too_many_failed()):
            self._open(now)

    def probe(self) -> None:
        """A probe goes out now."""
        self.state = BreakerState.HALF_OPEN

    def probed(self, now: float, *, ok: bool) -> None:
        """The probe has ended."""
        if ok:
            self.state = BreakerState.CLOSED
            self._failed_probes = self._in_a_row = 0
            self._outcomes.clear()
        else:
            self._failed_probes += 1
            self._open(now)

    def _too_many_failed(self) -> bool:
        count = len(self._outcomes)
        failed = sum(not ok for _, ok in self._outcomes)
        return count >= self._settings.least_requests and failed >= self._settings.failure_ratio * count

    def _open(self, now: float) -> None:
        doubled = min(max(0, self._failed_probes - 1), 30)
        self.state = BreakerState.OPEN
        self._until = now + min(self._settings.open_s * 2**doubled, self._settings.open_max_s)
