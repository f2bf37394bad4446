"""Files that were imported, by their digests: they are taken in once, and gone on with where that was interrupted."""

from __future__ import annotations

from dataclasses import dataclass

from care_voice.store.database import Connection, Row


@dataclass(frozen=True, slots=True)
class Known:
    """A recording with the same bytes. `resumable`: it waits for the bytes after the first `received`."""

    id: str
    received: int
    trashed: bool
    resumable: bool


def find(connection: Connection, sha256: str, size: int) -> Known | None:
    """What there is of a file already. An import that was interrupted and lies in the trash, or has expired, counts for
    nothing."""
    for row in connection.all("recordings_with_digest", sha256=sha256):
        complete, trashed = row["state"] == "complete", row["trashed_at"] is not None
        if complete or (not trashed and _resumable(row, size, connection.now)):
            return Known(row["id"], row["received"], trashed, resumable=not complete)
    return None


def announce(connection: Connection, recording_id: str, sha256: str) -> None:
    """The digest that a recording will have, before its bytes are there: by it an interrupted import is found again."""
    connection.run("set_sound", id=recording_id, sha256=sha256, duration_s=None)


def _resumable(row: Row, size: int, now: float) -> bool:
    expired = row["expires_at"] is not None and row["expires_at"] < now
    return row["source"] == "import" and row["length"] == size and not expired
