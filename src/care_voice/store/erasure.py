"""What deleted rows leave behind in the files of SQLite, and how it goes.

`secure_delete` overwrites rows and pages. FTS5 writes down that a word was deleted, and keeps it until the segments of
its index are merged; the write-ahead log keeps old pages until it is truncated.
"""

from __future__ import annotations

from care_voice.store import search
from care_voice.store.database import Database


def erase_traces(database: Database) -> bool:
    """Make deleted words go from the files too; whether all of them are gone.

    False where somebody reads an old state of the database just now: it is to be done again. With PostgreSQL, which
    cleans up by itself (autovacuum), there is nothing to do.
    """
    # In steps, so that others write in between.
    while database.write(search.tidy):
        pass
    return database.truncate_log()
