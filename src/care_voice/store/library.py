"""Lists of recordings: filtered, searched, in pages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from care_voice.domain.excerpts import Hit
from care_voice.domain.library import Cursor, Filters
from care_voice.domain.recordings import Recording
from care_voice.domain.searching import Wanted, facet
from care_voice.store import search
from care_voice.store.database import Connection, Row
from care_voice.store.recordings import from_row, to_json

_FAR = 1e15
_BESIDES = ("place", "title_key", "body", "starts_json")


@dataclass(frozen=True, slots=True)
class Document:
    """A recording and what it is searched by: the body, and the offsets of the transcript's segments in it."""

    recording: Recording
    cursor: Cursor
    body: str = ""
    starts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentFound:
    """A segment of a transcript; times in seconds."""

    id: str
    start_s: float
    end_s: float
    text: str


def searched(filters: Filters) -> bool:
    """Whether the search index answers: by words, by tag and by client it is faster than looking at each recording."""
    return bool(filters.query is not None or filters.tags or filters.client is not None)


def page(
    connection: Connection, filters: Filters, wanted: Sequence[Wanted], cursor: Cursor, limit: int
) -> list[Document]:  # fmt: skip
    """Up to `limit` recordings after the cursor, in its order."""
    family = "search" if searched(filters) else "library"
    parameters = {**_parameters(connection, filters, wanted), "key": cursor.key, "id": cursor.id, "limit": limit}
    rows = connection.all(f"{family}_{cursor.order}", **_used(family, cursor, parameters))
    tags = _tags(connection, [row["id"] for row in rows])
    return [_document(row, tags.get(row["id"], ()), cursor, family) for row in rows]


def count(connection: Connection, filters: Filters, wanted: Sequence[Wanted], most: int) -> int:
    """How many recordings there are, at most `most`."""
    family = "search" if searched(filters) else "library"
    row = connection.one(f"{family}_count", **_parameters(connection, filters, wanted), limit=most)
    assert row is not None
    return int(row["count"])


def segments_of(connection: Connection, hits: Sequence[tuple[str, Hit]]) -> dict[tuple[str, int], SegmentFound]:
    """The segments of transcripts that hits name, and those that they reach into, by transcript and number."""
    named = {(transcript_id, hit.segment + more) for transcript_id, hit in hits for more in range(1 + hit.spills)}
    rows = connection.all("segments_numbered", wanted=to_json(sorted(named))) if named else []
    return {
        (row["transcript_id"], row["number"]): SegmentFound(row["id"], row["start_s"], row["end_s"], row["text"])
        for row in rows
    }


def beginnings(connection: Connection, ids: Sequence[str], lines: int) -> dict[str, tuple[str, list[str]]]:
    """The language of current transcripts and their first lines, by the id of their recording."""
    rows = connection.all("beginnings_of_many", ids=to_json(ids), lines=lines) if ids else []
    return {row["id"]: (row["language"], json.loads(row["lines_json"])) for row in rows}


def tag_counts(connection: Connection, limit: int) -> list[tuple[str, int]]:
    """Tags and how many recordings have them, the commonest first; those in the trash do not count."""
    return [(row["tag"], row["count"]) for row in connection.all("tag_counts", limit=limit)]


def describe(connection: Connection, recording_id: str, *, title: str, notes: str) -> None:
    """Write what people say of a recording."""
    connection.run("describe_recording", id=recording_id, title=title, notes=notes)


def set_trashed(connection: Connection, recording_id: str, at: float | None) -> None:
    """Into the trash, or out of it."""
    connection.run("trash_recording", id=recording_id, at=at)


def _parameters(connection: Connection, filters: Filters, wanted: Sequence[Wanted]) -> dict[str, Any]:
    common: dict[str, Any] = {
        "trashed": int(filters.trashed),
        "since": -_FAR if filters.since is None else filters.since,
        "until": _FAR if filters.until is None else filters.until,
        "state": filters.state,
        "client": filters.client,
        "source": filters.source,
        "language": filters.language,
        "transcription": filters.transcription,
        "has_transcript": None if filters.has_transcript is None else int(filters.has_transcript),
        "legal_hold": None if filters.legal_hold is None else int(filters.legal_hold),
    }
    if not searched(filters):
        return common
    connection.one("plan_search")
    facets = [facet(search.TAG, tag) for tag in filters.tags]
    facets += [facet(search.CLIENT, filters.client)] if filters.client is not None else []
    return {
        **common,
        "match": search.expression(connection, wanted, facets),
        "needles": search.needles(wanted),
        "tags": to_json(filters.tags),
        "tag_count": len(filters.tags),
    }


def _used(family: str, cursor: Cursor, parameters: dict[str, Any]) -> dict[str, Any]:
    """Without the second part of the key where the place is the whole of it."""
    if family == "search" and cursor.order in ("newest", "oldest"):
        return {name: value for name, value in parameters.items() if name != "id"}
    return parameters


def _document(row: Row, tags: Sequence[str], before: Cursor, family: str) -> Document:
    besides = {name: row.pop(name) for name in _BESIDES if name in row}
    recording = from_row(row, tags)
    return Document(
        recording,
        _cursor(recording, besides, before, family),
        besides.get("body", ""),
        tuple(json.loads(besides.get("starts_json", "[]"))),
    )


def _cursor(recording: Recording, besides: Row, before: Cursor, family: str) -> Cursor:
    if before.order == "title":
        return Cursor("title", besides["title_key"], besides["place"])
    if before.order == "duration":
        return Cursor("duration", -1.0 if recording.duration_s is None else recording.duration_s, recording.id)
    if family == "search":
        return Cursor(before.order, besides["place"])
    return Cursor(before.order, recording.created_at, recording.id)


def _tags(connection: Connection, ids: Sequence[str]) -> dict[str, list[str]]:
    rows = connection.all("tags_of_many", ids=to_json(ids)) if ids else []
    grouped = groupby(rows, key=lambda row: str(row["recording_id"]))
    return {recording_id: [row["tag"] for row in each] for recording_id, each in grouped}
