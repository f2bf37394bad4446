"""Transcripts as files: plain text, SubRip and WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from care_voice.domain.scripts import is_unspaced

MIN_CUE_MS = 1
"""WebVTT requires a cue to end after it starts."""


class Line(Protocol):
    """What is said at a time, in seconds; `speaker` is empty where nobody is named."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def text(self) -> str: ...
    @property
    def speaker(self) -> str: ...


class Lines(Protocol):
    """A transcript of any kind."""

    @property
    def segments(self) -> Sequence[Line]: ...


def to_text(transcript: Lines) -> str:
    """The text with one segment on a line, behind the name of who speaks."""
    return "".join(f"{_prefix(segment)}{segment.text.strip()}\n" for segment in transcript.segments)


def to_srt(transcript: Lines) -> str:
    """SubRip: numbered from 1, a comma before the milliseconds; the name of who speaks is a part of the text."""
    cues = [
        f"{number}\n{_span(segment, ',')}\n{_safe(_prefix(segment))}{_cue_text(segment)}\n"
        for number, segment in enumerate(_in_time(transcript), start=1)
    ]
    return "\n".join(cues)


def to_vtt(transcript: Lines) -> str:
    """WebVTT: characters that mean markup are escaped; the voice of a cue is who speaks."""
    cues = [
        f"{_span(segment, '.')}\n{_voice(segment)}{_escape(_cue_text(segment))}\n" for segment in _in_time(transcript)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def name_mark(name: str) -> str:
    """What stands between a name and what that person says: a colon as wide as the script."""
    return "：" if is_unspaced(name[-1]) else ": "


def clock(milliseconds: int, mark: str) -> str:
    """`HH:MM:SS` and the milliseconds after `mark`: 1001 and ',' give 00:00:01,001."""
    seconds, ms = divmod(milliseconds, 1000)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return f"{hours:02d}:{m:02d}:{s:02d}{mark}{ms:03d}"


def _in_time(transcript: Lines) -> list[Line]:
    """Players want cues by their beginning, which people may have moved."""
    return sorted(transcript.segments, key=lambda segment: segment.start)


def _span(segment: Line, mark: str) -> str:
    start = round(segment.start * 1000)
    end = max(round(segment.end * 1000), start + MIN_CUE_MS)
    return f"{clock(start, mark)} --> {clock(end, mark)}"


def _prefix(segment: Line) -> str:
    return f"{segment.speaker}{name_mark(segment.speaker)}" if segment.speaker else ""


def _voice(segment: Line) -> str:
    return f"<v {_escape(_safe(segment.speaker))}>" if segment.speaker else ""


def _cue_text(segment: Line) -> str:
    """The text on one line."""
    return _safe(" ".join(segment.text.split()))


def _safe(text: str) -> str:
    """Without the arrow that would end the cue's text early."""
    return text.replace("-->", "->")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
