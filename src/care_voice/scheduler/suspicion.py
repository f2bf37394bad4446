"""Which window is it that kills workers? Pure.

When a worker that had several windows crashes or hangs, each of them is suspect, and each is computed again with a
worker to itself. A window that is innocent is then answered; the guilty one ends a second worker, alone this time, and
is put aside. A signal from outside proves little: what it took is sent again without suspicion, until that has happened
often.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What happens to a window whose worker has ended."""

    AGAIN = "again"
    ALONE = "alone"
    QUARANTINE = "quarantine"


@dataclass(slots=True)
class _Record:
    kills: int = 0
    losses: int = 0


class Suspicion:
    """Remembers what each window was near to; `max_kills` counts crashes and hangs, `max_losses` every end."""

    def __init__(self, max_kills: int, max_losses: int) -> None:
        self._max_kills = max_kills
        self._max_losses = max_losses
        self._records: dict[int, _Record] = {}

    def lost(self, number: int, *, blamed: bool, alone: bool) -> Verdict:
        """A worker ended that had this window; `blamed`: its work may have done it, `alone`: it had no other."""
        record = self._records.setdefault(number, _Record())
        record.losses += 1
        record.kills += blamed
        if alone and (record.kills >= self._max_kills or record.losses >= self._max_losses):
            return Verdict.QUARANTINE
        return Verdict.ALONE if self.must_be_alone(number) else Verdict.AGAIN

    def must_be_alone(self, number: int) -> bool:
        """Whether it is computed with a worker to itself."""
        record = self._records.get(number)
        return record is not None and (record.kills > 0 or record.losses >= self._max_losses - 1)

    def losses(self, number: int) -> int:
        """Workers that have ended while they had it."""
        record = self._records.get(number)
        return record.losses if record is not None else 0

    def forget(self, number: int) -> None:
        """The window is done with."""
        self._records.pop(number, None)
