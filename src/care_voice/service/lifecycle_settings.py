"""Deadlines and intervals of the service as a whole."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LifecycleSettings:
    """Deadlines and intervals of the service as a whole."""

    self_test_timeout_s: float = 60.0
    """The known clip must be decoded within this; a machine that cannot is too slow to serve anyone."""

    self_test_every_s: float = 300.0
    """The known clip is decoded again when nothing else has been for so many seconds, behind all other work; 0 switches
    that off. A remote engine is left alone: its circuit breaker asks it."""

    watch_interval_s: float = 5.0
    """How often the model's files are looked at while the service runs."""

    heartbeat_fresh_s: float = 5.0
    """A worker that was not heard for longer does not count as ready."""

    retry_first_s: float = 1.0
    """Wait before a failed start is tried again."""

    retry_max_s: float = 60.0
    """The wait doubles up to this: a source that is down is not hammered."""

    start_wait_s: float = 15.0
    """A request to transcribe that comes while the service starts waits for the first try to end, and for so long at
    most, before it is told to come again: a restart is over sooner. 0 for no wait."""

    drain_timeout_s: float = 60.0
    """How long a stop waits for transcriptions that run."""
