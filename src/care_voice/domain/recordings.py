"""Recordings as values. Times are Unix seconds, sizes bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Source = Literal["upload", "form", "live", "import", "command_line"]
RecordingState = Literal["receiving", "complete"]
AssetKind = Literal["playback", "waveform"]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be done once a recording is complete.

    `model` empty is the default one; `options` holds the fields of the transcription API that were given (language,
    prompt, profile and the like) as text; `bulk` work waits for others.
    """

    transcribe: bool = True
    model: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a recording's bytes, [start, start + length), that lies in the object `key`.

    An object may be longer than its part where bytes were written and never acknowledged.
    """

    start: int
    length: int
    key: str

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True, slots=True)
class Asset:
    """What was derived from the sound of a recording."""

    kind: AssetKind
    key: str
    media_type: str
    size: int
    sha256: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and what people say of it.

    `length` is the size that was announced (None: not known yet), `received` what is acknowledged: it is on disk.
    `appender` counts those who have appended to it; the last one alone may. `sha256` and `duration_s` are known once
    the sound has been looked at. `expires_at` is when an upload that nobody continues is given up.
    """

    id: str
    client: str
    source: Source
    state: RecordingState
    filename: str
    media_type: str
    title: str
    notes: str
    metadata: Mapping[str, str]
    wish: Wish
    length: int | None
    received: int
    appender: int
    sha256: str | None
    duration_s: float | None
    transcript_id: str | None
    legal_hold: bool
    hold_reason: str
    version: int
    event_seq: int
    created_at: float
    updated_at: float
    completed_at: float | None
    expires_at: float | None
    trashed_at: float | None
    tags: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        return self.state == "complete"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a recording; `seq` counts from 1 without gaps, in the order of the commits."""

    recording_id: str
    seq: int
    at: float
    kind: str
    body: Mapping[str, Any]
