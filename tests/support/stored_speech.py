"""Stored transcripts for tests: segments made from lines of text, and a source of segments in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from care_voice.domain.rewording import reworded
from care_voice.domain.stored import StoredSegment


def said(number: int, text: str, *, speaker: str = "", length_s: float = 2.0) -> StoredSegment:
    """Line `number`, spoken from `number` times its length on, its time shared out by letters."""
    start, end = number * length_s, (number + 1) * length_s
    words = reworded((), text, start, end)
    return StoredSegment(f"seg_{number}", float(number), start, end, text, words, speaker, {"avg_logprob": -0.25})


@dataclass
class Listed:
    """Segments in a list."""

    segments: Sequence[StoredSegment]
    gone: dict[str, StoredSegment] = field(default_factory=dict)

    def segment(self, segment_id: str) -> StoredSegment | None:
        return next((segment for segment in self.segments if segment.id == segment_id), None)

    def after(self, place: float, limit: int) -> Sequence[StoredSegment]:
        return [segment for segment in self.segments if segment.place > place][:limit]

    def matching(self, wanted: Callable[[str, str], bool]) -> Sequence[StoredSegment]:
        return [segment for segment in self.segments if wanted(segment.text, segment.speaker)]

    def removed(self, segment_id: str) -> StoredSegment | None:
        return self.gone.get(segment_id)
