"""What the supervisor concludes from what it sees: a hang, a crash loop, a worker that is due for renewal. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from care_voice.engine.protocol import Heartbeat

CRASHES_IN_A_LOOP = 3
CRASH_MEMORY_S = 60.0
LEAST_CPU_SHARE = 0.01
"""Of one core. A worker that computes uses more even on a crowded machine; a heartbeat takes a fiftieth of it."""


class LivedTime:
    """Seconds through which this process has lived: of a gap between two looks at the clock at most `most_s` counts.

    While it was stopped, or found no core, it could not hear its workers, and most likely they found none either.
    """

    def __init__(self, now: float, most_s: float) -> None:
        self._looked_at = now
        self._most_s = most_s
        self._lived_s = 0.0

    def look(self, now: float) -> float:
        """How many there were up to now."""
        self._lived_s += min(now - self._looked_at, self._most_s)
        self._looked_at = now
        return self._lived_s


class StallWatch:
    """Notices a computing thread that stands still: it has work, and its counter does not advance for `limit_s`; or for
    `idle_limit_s`, while the process also uses next to no CPU time (`LEAST_CPU_SHARE`).

    A share that small is no sign of computing, and a heartbeat uses far less. Without `idle_limit_s` CPU time proves
    nothing, as where another device computes.
    """

    def __init__(self, limit_s: float, idle_limit_s: float | None = None) -> None:
        self._limit_s = limit_s
        self._idle_limit_s = limit_s if idle_limit_s is None else idle_limit_s
        self._last: Heartbeat | None = None
        self._stepped_at = 0.0
        self._used: tuple[float, float] = (0.0, 0.0)
        """When it was last seen at work, and its CPU time then."""

    def heard(self, heartbeat: Heartbeat, now: float) -> None:
        """A heartbeat has come."""
        last, self._last = self._last, heartbeat
        stepped = last is None or last.busy == 0 or last.steps != heartbeat.steps
        if stepped:
            self._stepped_at = now
        if stepped or heartbeat.cpu_s - self._used[1] >= self._idle_limit_s * LEAST_CPU_SHARE:
            self._used = (now, heartbeat.cpu_s)

    def stalled(self, now: float) -> bool:
        """Whether it hangs."""
        if self._last is None or self._last.busy == 0:
            return False
        return now - self._stepped_at > self._limit_s or now - self._used[0] > self._idle_limit_s


@dataclass(frozen=True, slots=True)
class CrashLooping:
    """`count` workers ended unexpectedly within a minute, the last one of `cause`."""

    count: int
    cause: str


class CrashHistory:
    """Remembers the unexpected ends of a minute; a few of them together are a loop."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, str]] = deque()

    def ended(self, cause: str, now: float) -> None:
        """A worker ended that nobody ended on purpose, or did not start."""
        self._ends.append((now, cause))

    def looping(self, now: float) -> CrashLooping | None:
        """The loop that is going on; None when there is none."""
        while self._ends and now - self._ends[0][0] > CRASH_MEMORY_S:
            self._ends.popleft()
        if len(self._ends) < CRASHES_IN_A_LOOP:
            return None
        return CrashLooping(len(self._ends), self._ends[-1][1])


@dataclass(frozen=True, slots=True)
class Renewal:
    """When a worker is replaced by a fresh one; 0 means never. `max_growth` is a factor of the memory after loading."""

    after_s: float
    max_growth: float

    def due(self, age_s: float, loaded_bytes: int, now_bytes: int) -> str | None:
        """The reason for which a worker is due; None while it is not."""
        if self.after_s and age_s > self.after_s:
            return "age"
        if self.max_growth and loaded_bytes and now_bytes > loaded_bytes * self.max_growth:
            return "memory"
        return None
