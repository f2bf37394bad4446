"""Rows of segments as values, and changes of them. Nothing but the rows that a change names is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from care_voice.domain.history import Change, Entry, Fields, Step, applied, as_fields
from care_voice.domain.ids import is_id
from care_voice.domain.stored import StoredSegment
from care_voice.domain.transcript import Word
from care_voice.store.database import Connection, Row
from care_voice.store.recordings import to_json

_COLUMNS = {"place": "place", "start": "start_s", "end": "end_s", "speaker": "speaker", "text": "text"}
"""Columns that a change may name, beside the words."""


_MOST_ONE_BY_ONE = 20
"""More rows than this are found faster by reading all."""


class Stored:
    """The segments of a transcript as edits read them (`domain.editing.SegmentSource`)."""

    def __init__(self, connection: Connection, transcript_id: str) -> None:
        self._connection = connection
        self._id = transcript_id

    def segment(self, segment_id: str) -> StoredSegment | None:
        if not is_id("seg", segment_id):
            return None
        row = self._connection.one("segment", transcript_id=self._id, id=segment_id)
        return _segment(row) if row else None

    def after(self, place: float, limit: int) -> Sequence[StoredSegment]:
        rows = self._connection.all("segments_after", transcript_id=self._id, place=place, limit=limit)
        return [_segment(row) for row in rows]

    def matching(self, wanted: Callable[[str, str], bool]) -> Sequence[StoredSegment]:
        rows = self._connection.all("segments_of", transcript_id=self._id)
        return [_segment(row) for row in rows if wanted(row["text"], row["speaker"])]

    def removed(self, segment_id: str) -> StoredSegment | None:
        if not is_id("seg", segment_id):
            return None
        row = self._connection.one("last_removal", transcript_id=self._id, pattern=f'%"{segment_id}":null%')
        return applied(None, segment_id, entry(row).change.before[segment_id]) if row else None


def insert(connection: Connection, transcript_id: str, new: Iterable[StoredSegment]) -> None:
    """Add segments."""
    connection.each("insert_segment", [_row(transcript_id, segment.id, as_fields(segment)) for segment in new])


def all_of(connection: Connection, transcript_id: str) -> list[StoredSegment]:
    """Every segment, in order."""
    return [_segment(row) for row in connection.all("segments_of", transcript_id=transcript_id)]


def some(connection: Connection, transcript_id: str, ids: Sequence[str]) -> list[StoredSegment]:
    """Those of `ids` that are there, in any order."""
    if len(ids) > _MOST_ONE_BY_ONE:
        wanted = set(ids)
        rows = connection.all("segments_of", transcript_id=transcript_id)
        return [_segment(row) for row in rows if row["id"] in wanted]
    found = (connection.one("segment", transcript_id=transcript_id, id=each) for each in ids)
    return [_segment(row) for row in found if row is not None]


def page(connection: Connection, transcript_id: str, *, skip: int, limit: int) -> list[StoredSegment]:
    """`limit` segments in order, after the first `skip`."""
    rows = connection.all("segments_page", transcript_id=transcript_id, skip=skip, limit=limit)
    return [_segment(row) for row in rows]


def count(connection: Connection, transcript_id: str) -> int:
    """How many there are."""
    row = connection.one("count_segments", transcript_id=transcript_id)
    return int(row["count"]) if row else 0


def change(connection: Connection, transcript_id: str, made: Change) -> None:
    """Write what a change names, and no other row."""
    gone, new, changed = [], [], []
    for segment_id, fields in made.after.items():
        if fields is None:
            gone.append({"transcript_id": transcript_id, "id": segment_id})
        elif made.before[segment_id] is None:
            new.append(_row(transcript_id, segment_id, fields))
        else:
            changed.append({"transcript_id": transcript_id, "id": segment_id, **_changed(fields)})
    connection.each("delete_segment", gone)
    connection.each("insert_segment", new)
    connection.each("update_segment", changed)


def entry(row: Row) -> Entry:
    """A row of `edits` as a value."""
    made = Change(msgspec.json.decode(row["before_json"]), msgspec.json.decode(row["after_json"]))
    return Entry(Step(row["revision"], row["kind"], row["undoes"]), row["at"], row["who"], made)


def _segment(row: Row) -> StoredSegment:
    return StoredSegment(
        id=row["id"], place=row["place"], start=row["start_s"], end=row["end_s"], text=row["text"],
        words=tuple(Word(*word) for word in msgspec.json.decode(row["words_json"])), speaker=row["speaker"],
        stats=msgspec.json.decode(row["stats_json"]), language=row["language"],
    )  # fmt: skip


def _row(transcript_id: str, segment_id: str, fields: Fields) -> dict[str, Any]:
    return {
        "transcript_id": transcript_id,
        "id": segment_id,
        **_changed(fields),
        "stats_json": to_json(fields["stats"]),
        "language": fields["language"],
    }


def _changed(fields: Fields) -> Mapping[str, Any]:
    """What changes by column; None stays as it is."""
    columns = {column: fields.get(name) for name, column in _COLUMNS.items()}
    return {**columns, "words_json": to_json(fields["words"]) if "words" in fields else None}
