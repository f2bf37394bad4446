"""Who is let in. The work that is admitted is counted in audio seconds, by recordings and not by windows. Pure.

A recording is let in while less than the limit of its class is to be done before it. So one long file is always let in
when little waits, however long it is, and it does not keep short ones out, which go before it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from care_voice.scheduler.work import Priority

_LONGEST_RETRY_S = 3600


@dataclass(slots=True, eq=False)
class Ticket:
    """A recording that was let in: `need_s` seconds, of which `done_s` are transcribed."""

    priority: Priority
    need_s: float
    done_s: float = 0.0

    @property
    def left_s(self) -> float:
        """What is still to be done."""
        return max(0.0, self.need_s - self.done_s)

    def read(self, upto_s: float, done_s: float) -> None:
        """The recording is at least so long, and so much of it is done: what a file claims of itself may be wrong."""
        self.need_s = max(self.need_s, upto_s)
        self.done_s = done_s


class Admission:
    """All recordings that are let in."""

    def __init__(self, limits: Mapping[Priority, float]) -> None:
        self._limits = limits
        self._tickets: set[Ticket] = set()

    def ahead_s(self, priority: Priority) -> float:
        """Audio seconds that go before, or beside, a new recording of this class."""
        return math.fsum(ticket.left_s for ticket in self._tickets if ticket.priority <= priority)

    def retry_after(self, priority: Priority, rate: float) -> int | None:
        """Whole seconds until there will be room, at `rate` audio seconds a second; None where there is room now."""
        ahead_s, limit_s = self.ahead_s(priority), self._limits[priority]
        return None if ahead_s < limit_s else _seconds((ahead_s - limit_s) / rate)

    def next_leaves_after(self, rate: float) -> int:
        """Whole seconds until about one recording of those that are let in is done."""
        return _seconds(self.ahead_s(max(Priority)) / rate / max(1, len(self._tickets)))

    def enter(self, priority: Priority, need_s: float) -> Ticket:
        """Let a recording in; whoever does so has asked `retry_after` first, and calls `leave` in the end."""
        ticket = Ticket(priority, need_s)
        self._tickets.add(ticket)
        return ticket

    def leave(self, ticket: Ticket) -> None:
        """It is done with, in whatever way."""
        self._tickets.discard(ticket)


def _seconds(wait_s: float) -> int:
    return max(1, min(_LONGEST_RETRY_S, math.ceil(wait_s)))
