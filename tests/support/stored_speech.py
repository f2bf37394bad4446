"""Stored transcripts for tests: segments made from lines of text, and a source of segments in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from care_voice.domain.ids import new_id
from care_voice.domain.jobs import JobKind
from care_voice.domain.recordings import Wish
from care_voice.domain.rewording import reworded
from care_voice.domain.stored import StoredSegment
from care_voice.domain.transcript import Segment, Transcript, WindowStats, Word
from care_voice.store import jobs, recordings, transcripts
from care_voice.store.database import Connection, Database


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


STATS = WindowStats(0.0, -0.25, 1.1, 0.01)


def transcript_of(*lines: str, language: str = "en", length_s: float = 2.0) -> Transcript:
    """A transcript as a model gives it: lines one after the other, with the space before each English one."""
    segments = []
    for number, line in enumerate(lines):
        start, end = number * length_s, (number + 1) * length_s
        words = reworded((), line, start, end) or (Word(line, start, end, 0.9),)
        first = replace(words[0], text=(" " if line.isascii() else "") + words[0].text)
        segments.append(Segment(number, start, end, (first, *words[1:]), STATS, start))
    return Transcript("transcribe", language, len(lines) * length_s, tuple(segments))


def keep_recording(database: Database, **about: Any) -> str:
    """A new recording; its id."""

    def work(connection: Connection) -> str:
        recording_id = new_id("rec", connection.now)
        recordings.insert(connection, recording_id, client="test", source="upload", wish=Wish(), **about)
        return recording_id

    return database.write(work)


def keep(database: Database, recording_id: str, transcript: Transcript, model: str = "base") -> str:
    """Write a transcript as the job that made it does; its id."""

    def work(connection: Connection) -> str:
        job = jobs.enqueue(connection, recording_id, JobKind.TRANSCRIBE, client="test", priority=1)
        return transcripts.write(connection, recording_id, job, transcript, model)

    return database.write(work)
