"""A storage that takes for ever keeps only the work on sound waiting: not the watch of the database, and no request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from care_voice.service.audio_upkeep import AudioUpkeep, AudioUpkeepSettings
from care_voice.service.database_watch import DatabaseWatch
from care_voice.service.in_threads import AudioThreads
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Database
from care_voice.telemetry.metrics import Metrics
from support.waiting import until


class StuckAudio(DirectoryAudio):
    """Answers nothing before it is told to."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked = 0
        self.go_on = threading.Event()

    def free_bytes(self) -> int | None:
        self._wait()
        return super().free_bytes()

    @contextmanager
    def copied(self) -> Iterator[Path]:
        self._wait()
        yield self._root

    def _wait(self) -> None:
        self.asked += 1
        assert self.go_on.wait(60)


@pytest.fixture
async def stuck(tmp_path: Path) -> AsyncIterator[StuckAudio]:
    """Of the threads that everything shares there is one, so that a single call that takes it is noticed."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    audio = StuckAudio(tmp_path / "recordings")
    yield audio
    audio.go_on.set()


async def watched(database: Database) -> None:
    """The database is looked at. Raises TimeoutError where that has to wait for the storage."""
    watch = DatabaseWatch(database, lambda: "fine")
    task = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(30):
            await watch.opened()
    finally:
        task.cancel()


async def test_the_upkeep_of_sound(stuck: StuckAudio, sqlite_database: Database) -> None:
    threads = AudioThreads()
    upkeep = AudioUpkeep(sqlite_database, stuck, AudioUpkeepSettings(), Metrics(), threads=threads)
    task = asyncio.create_task(upkeep.run())
    await until(lambda: stuck.asked == 1, "the storage is asked")

    await watched(sqlite_database)
    task.cancel()
    stuck.go_on.set()
    await asyncio.to_thread(threads.close)


async def test_copies_of_sound_that_a_job_needs(stuck: StuckAudio, sqlite_database: Database) -> None:
    threads, paths = AudioThreads(2), list[Path]()

    async def job() -> None:
        async with threads.entered(stuck.copied()) as path:
            paths.append(path)

    tasks = [asyncio.create_task(job()) for _ in range(3)]
    await until(lambda: stuck.asked == 2, "as many copies are made as there are threads")

    await watched(sqlite_database)
    assert (stuck.asked, paths) == (2, [])
    stuck.go_on.set()
    await asyncio.gather(*tasks)
    assert len(paths) == 3
    await asyncio.to_thread(threads.close)
