"""How long to wait before the next try. Pure."""

from __future__ import annotations


class Backoff:
    """No wait the first time, then `first_s`, doubling up to `max_s`."""

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s = first_s
        self._max_s = max_s
        self._failures = 0

    def next_s(self) -> float:
        """Seconds to wait now; each call counts as one more failure in a row."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        return float(min(self._first_s * 2 ** min(self._failures - 2, 30), self._max_s))

    def reset(self) -> None:
        """Something went well."""
        self._failures = 0
