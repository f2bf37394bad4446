"""Transcripts as files: plain text, SubRip and WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

from care_voice.domain.transcript import Segment, Transcript

MIN_CUE_MS = 1
"""WebVTT requires a cue to end after it starts."""


def to_text(transcript: Transcript) -> str:
    """The text with one segment on a line."""
    return "".join(f"{segment.text.strip()}\n" for segment in transcript.segments)


def to_srt(transcript: Transcript) -> str:
    """SubRip: numbered from 1, a comma before the milliseconds."""
    cues = [
        f"{number}\n{_span(segment, ',')}\n{_cue_text(segment)}\n"
        for number, segment in enumerate(transcript.segments, start=1)
    ]
    return "\n".join(cues)


def to_vtt(transcript: Transcript) -> str:
    """WebVTT: characters that mean markup are escaped."""
    cues = [f"{_span(segment, '.')}\n{_escape(_cue_text(segment))}\n" for segment in transcript.segments]
    return "\n".join(["WEBVTT\n", *cues])


def clock(milliseconds: int, mark: str) -> str:
    """`HH:MM:SS` and the milliseconds after `mark`: 1001 and ',' give 00:00:01,001."""
    seconds, ms = divmod(milliseconds, 1000)
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    return f"{hours:02d}:{m:02d}:{s:02d}{mark}{ms:03d}"


def _span(segment: Segment, mark: str) -> str:
    start = round(segment.start * 1000)
    end = max(round(segment.end * 1000), start + MIN_CUE_MS)
    return f"{clock(start, mark)} --> {clock(end, mark)}"


def _cue_text(segment: Segment) -> str:
    """One line without the arrow that would end the cue's text early."""
    return " ".join(segment.text.split()).replace("-->", "->")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
