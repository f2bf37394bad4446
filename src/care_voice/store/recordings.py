"""Rows of recordings as values."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from care_voice.domain.recordings import Asset, Part, Recording, Source, Wish
from care_voice.domain.store_errors import UnknownRecording
from care_voice.store.database import Connection, Row

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
"""As JSON writes it: after an odd backslash the same letters are text that somebody wrote."""


def insert(
    connection: Connection,
    recording_id: str,
    *,
    client: str,
    source: Source,
    wish: Wish,
    filename: str = "",
    media_type: str = "",
    title: str = "",
    tags: Iterable[str] = (),
    metadata: Mapping[str, str] | None = None,
    length: int | None = None,
    expires_at: float | None = None,
) -> None:
    """A new recording of which nothing has been received."""
    connection.run(
        "insert_recording", id=recording_id, client=client, source=source, filename=filename, media_type=media_type,
        title=title, notes="", metadata_json=to_json(metadata or {}), wish_json=to_json(asdict(wish)), length=length,
        now=connection.now, expires_at=expires_at,
    )  # fmt: skip
    set_tags(connection, recording_id, tags)


def get(connection: Connection, recording_id: str, *, trashed: bool = False) -> Recording:
    """A recording with its tags; one in the trash only where `trashed` says so. Raises UnknownRecording."""
    return _required(connection, connection.one("recording", id=recording_id), recording_id, trashed=trashed)


def lock(connection: Connection, recording_id: str, *, trashed: bool = False) -> Recording:
    """As `get`; no other transaction changes it before this one ends."""
    return _required(connection, connection.one("lock_recording", id=recording_id), recording_id, trashed=trashed)


def touch(connection: Connection, recording_id: str) -> None:
    """It was changed by somebody: a new version."""
    connection.run("touch_recording", id=recording_id, now=connection.now)


def set_tags(connection: Connection, recording_id: str, tags: Iterable[str]) -> None:
    """These tags and no others."""
    connection.run("delete_tags", id=recording_id)
    connection.each("insert_tag", [{"recording_id": recording_id, "tag": tag} for tag in sorted(set(tags))])


def parts(connection: Connection, recording_id: str) -> list[Part]:
    """Where its bytes lie, in order."""
    return [Part(**row) for row in connection.all("parts_of", id=recording_id)]


def put_parts(connection: Connection, recording_id: str, new: Sequence[Part]) -> None:
    """Add parts, or let them grow."""
    rows = ({"recording_id": recording_id, **asdict(part)} for part in new)
    connection.each("insert_part", list(rows))


def assets(connection: Connection, recording_id: str) -> dict[str, Asset]:
    """What was derived, by kind."""
    return {row["kind"]: Asset(**row) for row in connection.all("assets_of", id=recording_id)}


def from_row(row: Row, tags: Sequence[str] = ()) -> Recording:
    """A row of `recordings` as a value."""
    values: dict[str, Any] = dict(row)
    wish = json.loads(values.pop("wish_json"))
    metadata = json.loads(values.pop("metadata_json"))
    values["legal_hold"] = bool(values["legal_hold"])
    return Recording(**values, wish=Wish(**wish), metadata=metadata, tags=tuple(tags))


def to_json(value: Any) -> str:
    """Compact JSON, as columns hold it. PostgreSQL's text cannot hold NUL, which no value needs."""
    text = msgspec.json.encode(value).decode()
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def _required(connection: Connection, row: Row | None, recording_id: str, *, trashed: bool) -> Recording:
    if row is None or (row["trashed_at"] is not None and not trashed):
        raise UnknownRecording(recording_id=recording_id[:80])
    return from_row(row, [each["tag"] for each in connection.all("tags_of", id=recording_id)])
