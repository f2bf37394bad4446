"""Objects of the audio storage that no row names any more, until they are deleted."""

from __future__ import annotations

from collections.abc import Iterable

from care_voice.store.database import Connection

TOPIC = "doomed"


def doom(connection: Connection, keys: Iterable[str]) -> None:
    """These objects are to be deleted once this transaction is committed."""
    connection.each("doom", [{"key": key, "now": connection.now} for key in keys])
    connection.notify(TOPIC)


def due(connection: Connection, limit: int = 100) -> list[str]:
    """Objects to be deleted, the oldest first."""
    return [row["key"] for row in connection.all("doomed_due", limit=limit)]


def gone(connection: Connection, keys: Iterable[str]) -> None:
    """These objects are deleted."""
    connection.each("doomed_gone", [{"key": key} for key in keys])
