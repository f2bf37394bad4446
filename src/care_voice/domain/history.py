"""The history of a transcript: what each edit changed, what undoing it means, and how it leads to the present.

History is never rewritten. An undo is an entry of its own that names the one that it undoes, and what was undone stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from care_voice.domain.stored import StoredSegment
from care_voice.domain.transcript import Word

Fields = Mapping[str, Any]
"""Fields of a segment as JSON holds them; of one that is new or gone all but its id."""

UNDO, REDO = "undo", "redo"


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit changed: by segment what was and what is. Only fields that differ are named; None: no segment."""

    before: Mapping[str, Fields | None]
    after: Mapping[str, Fields | None]

    def __bool__(self) -> bool:
        return bool(self.before)

    @property
    def says_something_else(self) -> bool:
        """Whether the text of the transcript differs: not only times and speakers."""
        return any(fields is None or "text" in fields for fields in (*self.before.values(), *self.after.values()))

    @property
    def inverse(self) -> Change:
        """What takes it back."""
        return Change(before=self.after, after=self.before)


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of the history in short: its revision, what it was, and the revision that it undoes, if any."""

    revision: int
    kind: str
    undoes: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the history: when (Unix seconds) and by whom what was changed."""

    step: Step
    at: float
    who: str
    change: Change


def difference(before: Iterable[StoredSegment | None], after: Iterable[StoredSegment | None]) -> Change:
    """The change from segments to the same ones as they are now; None where one is not there."""
    was: dict[str, Fields | None] = {}
    now: dict[str, Fields | None] = {}
    for old, new in zip(before, after, strict=True):
        known = old or new
        if known is not None and old != new:
            was[known.id], now[known.id] = _differing(as_fields(old) if old else None, as_fields(new) if new else None)
    return Change(was, now)


def applied(segment: StoredSegment | None, segment_id: str, now: Fields | None) -> StoredSegment | None:
    """A segment after a change that names it."""
    if now is None:
        return None
    known = {**as_fields(segment), **now} if segment else dict(now)
    words = tuple(Word(*word) for word in known.pop("words"))
    return StoredSegment(id=segment_id, words=words, **known)


def replay(segments: Iterable[StoredSegment], changes: Iterable[Change]) -> tuple[StoredSegment, ...]:
    """Segments after changes, in their order."""
    present: dict[str, StoredSegment | None] = {segment.id: segment for segment in segments}
    for change in changes:
        for segment_id, now in change.after.items():
            present[segment_id] = applied(present.get(segment_id), segment_id, now)
    return in_order(segment for segment in present.values() if segment is not None)


def in_order(segments: Iterable[StoredSegment]) -> tuple[StoredSegment, ...]:
    """Segments by their place."""
    return tuple(sorted(segments, key=lambda segment: (segment.place, segment.id)))


def undoable(steps: Sequence[Step]) -> Step | None:
    """What an undo takes back now: the last edit, or redo, that is in effect."""
    done, _ = _stacks(steps)
    return done[-1] if done else None


def redoable(steps: Sequence[Step]) -> Step | None:
    """The undo that a redo takes back now; None where something else was edited since."""
    _, undone = _stacks(steps)
    return undone[-1] if undone else None


def as_fields(segment: StoredSegment) -> dict[str, Any]:
    """A segment as JSON holds it in the history, without its id."""
    known = {field.name: getattr(segment, field.name) for field in fields(segment) if field.name != "id"}
    words = [[word.text, word.start, word.end, word.probability] for word in segment.words]
    return {**known, "words": words, "stats": dict(segment.stats)}


def _differing(old: Fields | None, new: Fields | None) -> tuple[Fields | None, Fields | None]:
    if old is None or new is None:
        return old, new
    names = [name for name in old if old[name] != new[name]]
    return {name: old[name] for name in names}, {name: new[name] for name in names}


def _stacks(steps: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """What is in effect and can be undone, and the undos that can be redone; the last one first to go."""
    done: list[Step] = []
    undone: list[Step] = []
    for step in steps:
        if step.kind == UNDO:
            done.pop()
            undone.append(step)
        else:
            done.append(step)
            undone = undone[:-1] if step.kind == REDO else []
    return done, undone
