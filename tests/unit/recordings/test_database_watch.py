"""The watch over the database goes on, whatever it meets."""

from __future__ import annotations

import asyncio
import threading

from care_voice.service.database_watch import DatabaseWatch
from care_voice.store.database import Database
from support.waiting import until


async def test_what_nobody_expected_is_shown_and_tried_again(sqlite_database: Database) -> None:
    tries: list[int] = []
    seen = threading.Event()

    def prepare() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("a bug")
        seen.wait(30)
        return "SQLite"

    watch = DatabaseWatch(sqlite_database, prepare)
    running = asyncio.create_task(watch.run())
    await until(lambda: watch.trouble is not None, "the trouble is shown")
    seen.set()
    await asyncio.wait_for(watch.opened(), 30)

    assert watch.trouble is None
    running.cancel()
    await asyncio.wait({running})
