"""What edits work on: the segments of a transcript as they are, and beside them what has been changed so far."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from heapq import nsmallest
from itertools import islice
from typing import Protocol

from care_voice.domain.history import Change, difference, in_order
from care_voice.domain.store_errors import EditInvalid
from care_voice.domain.stored import StoredSegment

_FEW = 20
"""Once more segments than this are changed, those that follow a place are looked up among all, which are read once."""

_ALL = 1 << 31
_LEAST_ROOM = 1e-6
"""Places closer than this leave no room between them; those that follow are moved along."""


class SegmentSource(Protocol):
    """The segments of a transcript before the edits in hand. Nothing but what an edit asks for is read."""

    def segment(self, segment_id: str) -> StoredSegment | None:
        """The segment of that id."""

    def after(self, place: float, limit: int) -> Sequence[StoredSegment]:
        """The `limit` segments that follow a place, in order."""

    def matching(self, wanted: Callable[[str, str], bool]) -> Sequence[StoredSegment]:
        """The segments of which (text, speaker) is wanted, in order."""

    def removed(self, segment_id: str) -> StoredSegment | None:
        """A segment that an edit has taken away, as it was last."""


class Draft:
    """Edits in hand: reads through to the source, keeps what is changed."""

    def __init__(self, source: SegmentSource, duration: float, new_id: Callable[[], str]) -> None:
        self.duration = duration
        self.new_id = new_id
        self._source = source
        self._read: dict[str, StoredSegment | None] = {}
        self._old: dict[str, StoredSegment | None] = {}
        self._new: dict[str, StoredSegment | None] = {}
        self._all: Sequence[StoredSegment] = ()

    @property
    def change(self) -> Change:
        """From the segments as they were to the segments as they are now."""
        return difference(self._old.values(), self._new.values())

    def get(self, segment_id: str) -> StoredSegment:
        """A segment as it is now. Raises EditInvalid where there is none."""
        segment = self._find(segment_id)
        if segment is None:
            raise EditInvalid(why=f"there is no segment '{segment_id[:40]}'")
        return segment

    def put(self, segment: StoredSegment) -> None:
        """Keep a segment that is new or changed."""
        self._keep(segment.id, segment)

    def remove(self, segment: StoredSegment) -> None:
        """Take a segment away."""
        self._keep(segment.id, None)

    def following(self, place: float, limit: int = 1) -> Sequence[StoredSegment]:
        """The segments after a place as they are now, `limit` at most."""
        here = [segment for segment in self._new.values() if segment and segment.place > place]
        there = (segment for segment in self._stored_after(place, limit) if segment.id not in self._new)
        return nsmallest(limit, [*here, *islice(there, limit)], key=lambda segment: (segment.place, segment.id))

    def is_taken(self, place: float) -> bool:
        """Whether a segment stands at this very place."""
        found = self.following(math.nextafter(place, -math.inf))
        return bool(found) and found[0].place == place

    def matching(self, wanted: Callable[[str, str], bool]) -> Sequence[StoredSegment]:
        """The segments of which (text, speaker) is wanted now."""
        here = [segment for segment in self._new.values() if segment and wanted(segment.text, segment.speaker)]
        there = [segment for segment in self._source.matching(wanted) if segment.id not in self._new]
        self._read |= {segment.id: segment for segment in there}
        return in_order([*here, *there])

    def removed(self, segment_id: str) -> StoredSegment:
        """A segment that is not there any more, as it was last. Raises EditInvalid where there is none such."""
        found = None
        if self._find(segment_id) is None:
            found = self._old.get(segment_id) or self._source.removed(segment_id)
        if found is None:
            raise EditInvalid(why=f"no segment '{segment_id[:40]}' has been taken away")
        return found

    def room_after(self, place: float) -> float:
        """A place between this one and the next. Where there is none left, as few as it takes are moved up."""
        crowd: list[StoredSegment] = []
        end = self._next_place(place)
        while end - place < _LEAST_ROOM * (len(crowd) + 2):
            crowd += self.following(crowd[-1].place if crowd else place)
            end = self._next_place(crowd[-1].place)
        step = (end - place) / (len(crowd) + 2)
        for number, segment in enumerate(crowd, start=2):
            self.put(replace(segment, place=place + number * step))
        return place + step

    def _stored_after(self, place: float, limit: int) -> Iterable[StoredSegment]:
        """Segments after a place before the edits in hand, at least `limit` of them unchanged where there are."""
        if len(self._new) <= _FEW:
            return self._source.after(place, limit + len(self._new))
        self._all = self._all or self._source.after(-math.inf, _ALL)
        return islice(self._all, bisect_right(self._all, place, key=lambda segment: segment.place), None)

    def _next_place(self, place: float) -> float:
        following = self.following(place)
        return following[0].place if following else place + 2

    def _find(self, segment_id: str) -> StoredSegment | None:
        return self._new[segment_id] if segment_id in self._new else self._stored(segment_id)

    def _keep(self, segment_id: str, segment: StoredSegment | None) -> None:
        if segment_id not in self._old:
            self._old[segment_id] = self._stored(segment_id)
        self._new[segment_id] = segment

    def _stored(self, segment_id: str) -> StoredSegment | None:
        """A segment before the edits in hand, read once."""
        if segment_id not in self._read:
            self._read[segment_id] = self._source.segment(segment_id)
        return self._read[segment_id]
