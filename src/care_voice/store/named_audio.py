"""Which objects of the audio storage rows name: parts of recordings, and what was derived from them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from care_voice.domain.ids import new_id
from care_voice.store.database import Connection, Database, Row

_PAGE = 1000


def all_named(database: Database) -> Iterator[tuple[str, int]]:
    """Keys with the bytes that rows need of them, in the order of the keys' bytes, a page at a time."""
    after = ""
    while page := database.read(partial(_page, after=after)):
        yield from ((row["key"], row["needed"]) for row in page)
        after = page[-1]["key"]


def _page(connection: Connection, after: str) -> list[Row]:
    return connection.all("named_objects", after=after, limit=_PAGE)


def needed(connection: Connection, key: str) -> int | None:
    """How many bytes of an object rows need; None where no row names it."""
    return max((row["needed"] for row in connection.all("bytes_needed_of", key=key)), default=None)


def total_bytes(connection: Connection) -> int:
    """Bytes of all objects that rows name."""
    row = connection.one("bytes_named")
    return int(row["bytes"]) if row else 0


def postpone(connection: Connection, key: str) -> None:
    """A doomed object that could not be deleted waits behind the others."""
    connection.run("postpone_doomed", key=key, now=connection.now)


def waiting(connection: Connection) -> int:
    """How many objects are doomed and not deleted yet."""
    row = connection.one("count_doomed")
    return int(row["waiting"]) if row else 0


def installation_id(connection: Connection) -> str:
    """Which installation this database is; written at the first call."""
    # Two nodes may be the first one at the same time.
    connection.run("insert_installation", id=new_id("ins", connection.now))
    row = connection.one("installation")
    assert row is not None
    return str(row["id"])
