"""What the supervisor may be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SupervisorSettings:
    """Deadlines and restarts of worker processes."""

    handshake_timeout_s: float = 120.0
    """From spawn to `Ready`. Loading large-v3 from a slow disk takes most of it."""

    heartbeat_timeout_s: float = 10.0
    """A worker sends a heartbeat each second; one that is silent for this long is stopped or stuck, and is killed."""

    window_timeout_s: float = 180.0
    """Longest time for one window, all guard rails included; a worker past it hangs in native code, and is killed."""

    media_stall_s: float = 30.0
    """Longest time that decoding a file may go without giving sound."""

    max_attempts: int = 3
    """A window or a file is given to this many workers; if each of them dies of it, it gets an error."""

    backoff_first_s: float = 0.1
    """Wait before the second restart in a row; the first is immediate."""

    backoff_max_s: float = 30.0
    """The wait doubles up to this."""

    healthy_after_s: float = 20.0
    """A worker that lived this long, or answered a request, starts the backoff afresh."""

    stop_grace_s: float = 3.0
    """Between closing a worker's socket and SIGKILL."""
