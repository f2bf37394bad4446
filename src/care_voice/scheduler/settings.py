"""What the scheduler may be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """How much work is taken, and what goes before what."""

    max_interactive_s: float = 1800.0
    """Audio seconds of short recordings that may wait; past it new ones are refused with 503. At ten times real time, a
    modest machine with a small model, the last of them waits three minutes."""

    max_bulk_s: float = 24 * 3600.0
    """The same for all recordings together: a long one is refused where this much is to be done before it."""

    bulk_over_s: float = 300.0
    """A recording longer than this many seconds is bulk work, which waits for shorter ones."""

    patience_s: float = 10.0
    """Work that waits for more urgent work, and has given no window to a worker for this long, goes first as soon as a
    worker has room for it."""

    timeout_s: float = 12 * 3600.0
    """Longest time for a request; X-Request-Timeout may ask for less. Past it the request ends with 504."""

    max_outage_s: float = 60.0
    """Work that is waiting is given up when no engine worker could be started for this long."""
