"""What the running of jobs may be told."""

from __future__ import annotations

from dataclasses import dataclass

from care_voice.domain.jobs import LeaseRules


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How this node takes part in the work on recordings."""

    standby: bool = False
    """Start without taking jobs. SIGUSR2 lets the service take them, SIGUSR1 has it stand by again; what it has in hand
    it finishes."""

    interactive: int = 4
    """Recordings transcribed at a time of those that are short, or of which nobody knows yet how long they are; 0
    leaves them to other nodes."""

    bulk: int = 2
    """The same for long recordings, and for those sent with X-Priority: bulk. They have places of their own, so that a
    short one never waits for the end of a long one."""

    derive: int = 1
    """Copies for playback made at a time."""

    lease_s: float = 15.0
    """A node that was not heard for this long has lost its jobs to others."""

    poll_s: float = 5.0
    """How often jobs are looked for where no notification comes."""

    max_failures: int = 5
    """A job is given up after so many attempts that ended badly with nothing new computed between."""

    backoff_s: float = 2.0
    """Wait before the second attempt; it doubles each time."""

    max_backoff_s: float = 300.0
    """The longest wait."""

    def __post_init__(self) -> None:
        """Raises ValueError where a number makes no sense."""
        if min(self.interactive, self.bulk, self.derive) < 0 or self.max_failures < 1:
            raise ValueError("INTERACTIVE, BULK and DERIVE must be at least 0, MAX_FAILURES at least 1")
        if not (self.lease_s >= 1.0 and self.poll_s > 0 and self.backoff_s > 0 and self.max_backoff_s > 0):
            raise ValueError("LEASE_S must be at least 1; POLL_S, BACKOFF_S and MAX_BACKOFF_S more than 0")

    @property
    def places(self) -> int:
        """Jobs of all kinds at a time."""
        return self.interactive + self.bulk + self.derive

    @property
    def rules(self) -> LeaseRules:
        """The same as the store needs it."""
        return LeaseRules(self.lease_s, self.max_failures, self.backoff_s, self.max_backoff_s)
