"""What deleted rows leave behind in the files of SQLite, and how it goes.

`secure_delete` overwrites rows and pages. FTS5 writes down that a word was deleted, and keeps it until the segments of
its index are merged; the write-ahead log keeps old pages until it is truncated.
"""

from __future__ import annotations

from functools import partial

from care_voice.store.database import Connection, Database

_PAGES = 1000
"""Merged in one transaction: others write in between."""


def erase_traces(database: Database) -> bool:
    """Make deleted words go from the files too; whether all of them are gone.

    False where somebody reads an old state of the database just now: it is to be done again. With PostgreSQL, which
    cleans up by itself (autovacuum), there is nothing to do.
    """
    for table in database.read(_full_text_tables):
        database.write(partial(_merge, table=table, pages=-_PAGES))
        while database.write(partial(_merge, table=table, pages=_PAGES)):
            pass
    return database.truncate_log()


def _full_text_tables(connection: Connection) -> list[str]:
    if connection.dialect != "sqlite":
        return []
    return [row["name"] for row in connection.all("full_text_tables")]


def _merge(connection: Connection, *, table: str, pages: int) -> bool:
    """Merge some pages of an index; whether there was something to merge (https://sqlite.org/fts5.html, 6.9).

    A negative number begins to merge all segments into one, whatever their sizes.
    """
    before = _changes(connection)
    text = f"INSERT INTO {table} ({table}, rank) VALUES ('merge', :pages)"  # noqa: S608 - a name of our own schema
    connection.execute(text, {"pages": pages})
    return _changes(connection) - before >= 2


def _changes(connection: Connection) -> int:
    row = connection.one("changes_so_far")
    assert row is not None
    return int(row["count"])
