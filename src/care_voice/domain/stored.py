"""Transcripts as they are kept: with an order that leaves room for edits, and with speakers. Times are seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from care_voice.domain.scripts import joined
from care_voice.domain.transcript import Segment, Word


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """One line of a stored transcript.

    `words` joined are `text`, always; the space before a word belongs to it. `place` orders the segments of a
    transcript. `speaker` is empty where nobody is named. `stats` says how it was decoded (WindowStats); `language` is
    its own where each segment has one.
    """

    id: str
    place: float
    start: float
    end: float
    text: str
    words: tuple[Word, ...]
    speaker: str = ""
    stats: Mapping[str, float] = field(default_factory=dict)
    language: str | None = None


@dataclass(frozen=True, slots=True)
class TranscriptHead:
    """A version of a recording's transcript without its segments.

    `number` counts the versions of a recording from 1; `revision` is that of the last edit, 0 where there is none.
    `duration` is in seconds, `created_at` in Unix seconds. `current` says that it is the one people see.
    """

    id: str
    recording_id: str
    job_id: str
    number: int
    model: str
    task: str
    language: str
    duration: float
    revision: int
    created_at: float
    current: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client has seen and means to change; None stands for whatever is there."""

    revision: int | None = None
    number: int | None = None

    def fits(self, head: TranscriptHead) -> bool:
        """Whether that is still what is there."""
        return self.revision in (None, head.revision) and self.number in (None, head.number)


@dataclass(frozen=True, slots=True)
class StoredTranscript:
    """A version with all its segments in their order."""

    head: TranscriptHead
    segments: tuple[StoredSegment, ...]

    @property
    def text(self) -> str:
        """What was said, in one line."""
        return joined([segment.text for segment in self.segments])


def to_store(segment: Segment, segment_id: str, place: float) -> StoredSegment | None:
    """A segment as it is kept, times to the millisecond; None where it has no text."""
    words = trimmed([_rounded(word) for word in segment.words])
    if not words:
        return None
    return StoredSegment(
        id=segment_id,
        place=place,
        start=round(segment.start, 3),
        end=round(segment.end, 3),
        text=text_of(words),
        words=words,
        stats=_stats(segment),
        language=segment.language,
    )


def text_of(words: tuple[Word, ...]) -> str:
    """Words in a row."""
    return "".join(word.text for word in words)


def trimmed(words: list[Word]) -> tuple[Word, ...]:
    """Words without those that are empty, and without the space before the first and after the last."""
    kept = [word for word in words if word.text.strip()]
    if kept:
        kept[0] = replace(kept[0], text=kept[0].text.lstrip())
        kept[-1] = replace(kept[-1], text=kept[-1].text.rstrip())
    return tuple(kept)


def _rounded(word: Word) -> Word:
    # PostgreSQL's text cannot hold NUL.
    return Word(word.text.replace("\x00", ""), round(word.start, 3), round(word.end, 3), round(word.probability, 4))


def _stats(segment: Segment) -> dict[str, float]:
    return {
        "temperature": segment.stats.temperature,
        "avg_logprob": round(segment.avg_logprob, 5),
        "compression_ratio": round(segment.stats.compression_ratio, 5),
        "no_speech_prob": round(segment.stats.no_speech_prob, 6),
    }
