"""What is scheduled, and on whose behalf."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """The lower goes first."""

    LIVE = 0
    INTERACTIVE = 1
    BULK = 2


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request: work is shared fairly between clients. `timeout_s` None leaves it to the settings."""

    client: str = "local"
    bulk: bool = False
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of sound to be computed. `deadline` is a monotonic time in seconds; past it nobody waits for it. It
    `continues` a recording of which windows have been asked for before.
    """

    number: int
    client: str
    priority: Priority
    audio_s: float
    deadline: float = math.inf
    continues: bool = False

    @property
    def patient(self) -> bool:
        """Whether it can wait, also in a worker that has begun it: whoever sent more than one window waits anyway, and
        is not to make those wait who sent one.
        """
        return self.priority is Priority.BULK or (self.priority is Priority.INTERACTIVE and self.continues)
