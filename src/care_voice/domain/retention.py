"""How long a recording is kept: which rule counts, and what is due at a moment. Pure; times are Unix seconds."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

DAY_S = 24 * 3600.0
MOST_DAYS = 1000 * 366.0


class Scope(StrEnum):
    """What a rule is about."""

    DEFAULT = "default"
    CLIENT = "client"
    TAG = "tag"


_STRENGTH = {Scope.DEFAULT: 0, Scope.CLIENT: 1, Scope.TAG: 2}


class Fate(StrEnum):
    """What is to become of a recording now."""

    KEEP = "keep"
    TRASH = "trash"
    DELETE = "delete"


@dataclass(frozen=True)
class RetentionRule:
    """Recordings of a client, or with a tag, or all others, are kept for so many days and then go to the trash."""

    id: str
    scope: Scope
    value: str
    """The client or the tag; empty with the default."""
    days: float | None
    """Counted from the moment a recording was complete; None keeps it for ever."""
    created_at: float = 0.0

    def __post_init__(self) -> None:
        """Raises ValueError saying what is wrong."""
        if (self.scope is Scope.DEFAULT) != (self.value == ""):
            raise ValueError("the default rule has no value, and every other one has")
        if self.days is not None and not 0 < self.days <= MOST_DAYS:
            raise ValueError(f"days must be more than 0 and at most {MOST_DAYS:.0f}, or null")

    @property
    def lasts_s(self) -> float:
        return math.inf if self.days is None else self.days * DAY_S

    def covers(self, client: str, tags: Collection[str]) -> bool:
        if self.scope is Scope.CLIENT:
            return self.value == client
        return self.scope is Scope.DEFAULT or self.value in tags


@dataclass(frozen=True)
class Kept:
    """What rules look at of a recording."""

    client: str
    tags: frozenset[str] = field(default_factory=frozenset)
    completed_at: float | None = None
    """None while it is being received: the expiry of uploads is not a matter of retention."""
    trashed_at: float | None = None
    legal_hold: bool = False


class RetentionPolicy:
    """All rules, and for how many days the trash keeps what is put into it."""

    def __init__(self, rules: Iterable[RetentionRule], trash_days: float) -> None:
        self.rules = tuple(rules)
        self._trash_s = trash_days * DAY_S

    def rule_for(self, client: str, tags: Collection[str]) -> RetentionRule | None:
        """The rule that counts: one for a tag before one for the client before the default; of several tags the one
        that keeps longest. None where no rule is about the recording, which keeps it for ever.
        """
        found = [rule for rule in self.rules if rule.covers(client, tags)]
        return max(found, key=lambda rule: (_STRENGTH[rule.scope], rule.lasts_s, rule.id), default=None)

    def ends_at(self, recording: Kept) -> float:
        """When its time is over, and it goes to the trash; infinite where that never comes."""
        rule = self.rule_for(recording.client, recording.tags)
        if rule is None or recording.completed_at is None:
            return math.inf
        return recording.completed_at + rule.lasts_s

    def fate(self, recording: Kept, now: float) -> Fate:
        """What is due. A legal hold beats everything; nothing is deleted that was not in the trash for its time."""
        if recording.legal_hold:
            return Fate.KEEP
        if recording.trashed_at is not None:
            return Fate.DELETE if now >= recording.trashed_at + self._trash_s else Fate.KEEP
        return Fate.TRASH if now >= self.ends_at(recording) else Fate.KEEP
