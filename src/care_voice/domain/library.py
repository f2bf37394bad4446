"""What a list of recordings is asked for, and where one page of it ends."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

from care_voice.domain.errors import CareVoiceError, InvalidParameter
from care_voice.domain.excerpts import Excerpt, Field
from care_voice.domain.jobs import JobState
from care_voice.domain.recordings import Recording

Order = Literal["newest", "oldest", "title", "duration", "relevance"]
ORDERS: tuple[Order, ...] = get_args(Order)
TRANSCRIPTIONS: tuple[str, ...] = ("none", *JobState)
"""What the newest transcription of a recording can be; `none` where nobody asked for one."""
_FAR = 1e15
_MOST_PLACE = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Filters:
    """What recordings must be; None asks for nothing. Times are Unix seconds: from `since` on, and before `until`.

    `query` is what people typed (see `domain.searching`), `tags` are all wanted; `transcription` is one of
    TRANSCRIPTIONS.
    """

    query: str | None = None
    tags: tuple[str, ...] = ()
    client: str | None = None
    source: str | None = None
    state: str | None = None
    language: str | None = None
    transcription: str | None = None
    since: float | None = None
    until: float | None = None
    trashed: bool = False
    has_transcript: bool | None = None
    legal_hold: bool | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sort key of the last recording of a page. `id` is its id, or its place where the key may not be unique."""

    order: Order
    key: float | int | str
    id: str | int = ""

    def __str__(self) -> str:
        text = json.dumps([self.order, self.key, self.id], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Match:
    """A part of a recording that has what was searched. Of a transcript: the segment, and its times in seconds."""

    field: Field
    excerpt: Excerpt
    segment_id: str | None = None
    start_s: float | None = None
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A recording in a list, with where the query was found in it."""

    recording: Recording
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """A recording's current transcript in short; `language` is None and `beginning` empty where there is none."""

    language: str | None = None
    beginning: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list and the cursor of the next one, None at the end."""

    items: tuple[Found, ...]
    following: str | None


@dataclass(frozen=True, slots=True)
class Count:
    """How many recordings there are; `exact` is false where counting was ended at that number."""

    count: int
    exact: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be said of a recording from now on; None leaves it."""

    title: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recording of many; `error` says why nothing was done."""

    id: str
    version: int | None = None
    error: CareVoiceError | None = None


def read_cursor(text: str | None, order: Order, *, searched: bool) -> Cursor:
    """The cursor that a client gives back; without one, the beginning.

    Raises:
        InvalidParameter: It was made for another list, or is none.
    """
    if text is None:
        return _beginning(order, searched=searched)
    try:
        given = json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        cursor = Cursor(*given)
        kinds = _kinds(_beginning(order, searched=searched))
        fits = cursor.order == order and _kinds(cursor) == kinds and _usable(cursor.key) and _usable(cursor.id)
    except (ValueError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise InvalidParameter(param="cursor", why="it does not belong to this list")
    return cursor


def _beginning(order: Order, *, searched: bool) -> Cursor:
    if order == "relevance":
        return Cursor(order, 0)
    if order == "title":
        return Cursor(order, "", -1)
    if order == "duration":
        return Cursor(order, _FAR)
    if searched:
        return Cursor(order, _MOST_PLACE if order == "newest" else -1)
    return Cursor(order, _FAR if order == "newest" else -_FAR)


def _kinds(cursor: Cursor) -> tuple[type, type]:
    return (type(cursor.key), type(cursor.id))


def _usable(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" not in value.encode().decode()  # halves of characters cannot be encoded
    return abs(value) <= _MOST_PLACE if isinstance(value, int) else math.isfinite(value)
