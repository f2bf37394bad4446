"""How fast the engine works: audio seconds for each second with work, over about the last minute of it. Pure."""

from __future__ import annotations

import math

_MEMORY_S = 60.0
_ASSUMED_RATE = 4.0
"""Before anything was measured: what a modest CPU does with a small model."""
_ASSUMED_WEIGHT_S = 1.0


class RateMeter:
    """Forgets exponentially with the time in which there was work; times are monotonic seconds."""

    def __init__(self) -> None:
        self._audio_s = _ASSUMED_RATE * _ASSUMED_WEIGHT_S
        self._busy_s = _ASSUMED_WEIGHT_S
        self._busy_since: float | None = None

    def working(self, now: float) -> None:
        """There is work from now on, or still."""
        if self._busy_since is None:
            self._busy_since = now

    def done(self, audio_s: float, now: float, *, more: bool) -> None:
        """So much audio was decoded; `more` says whether there is work left."""
        since = now if self._busy_since is None else self._busy_since
        spent_s = max(0.0, now - since)
        kept = math.exp(-spent_s / _MEMORY_S)
        self._audio_s = self._audio_s * kept + audio_s
        self._busy_s = self._busy_s * kept + spent_s
        self._busy_since = now if more else None

    @property
    def rate(self) -> float:
        """Audio seconds per second; more than 0."""
        return max(self._audio_s, 1e-3) / max(self._busy_s, 1e-3)
