"""Limits hold when many uploads of unknown length come at the same time, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from care_voice.domain.recordings import Part, Recording
from care_voice.domain.store_errors import QuotaExceeded
from care_voice.store import intake as store_intake
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from care_voice.store.quotas import Quotas
from support.uploads import Tap, an_upload, given, held, intake_over, row
from support.waiting import until, wait_until

LIMIT, SIZE = 1000, 900


@pytest.mark.parametrize("limited", ["max_client_bytes", "max_total_bytes"])
async def test_uploads_of_unknown_length_that_come_at_once_stay_within_the_limit(
    database: Database, tmp_path: Path, limited: str
) -> None:
    audio = DirectoryAudio(tmp_path / "recordings")
    intake = intake_over(database, audio, **{limited: LIMIT, "threads": 4})
    begun = [await intake.create(an_upload()) for _ in range(4)]
    taps = [Tap() for _ in begun]
    appending = [
        asyncio.create_task(intake.append(each.id, 0, tap.chunks())) for each, tap in zip(begun, taps, strict=True)
    ]
    await until(lambda: all(tap.waited_for for tap in taps), "each of them has been given room")
    for number, tap in enumerate(taps):
        tap.give(bytes([number]) * SIZE)
        tap.end()
    ended = await asyncio.gather(*appending, return_exceptions=True)

    (kept,) = [each for each in ended if isinstance(each, Recording)]
    assert sum(isinstance(each, QuotaExceeded) for each in ended) == 3
    assert sorted(row(database, each.id).received for each in begun) == [0, 0, 0, SIZE]
    assert len(held(database, audio, kept.id)) == SIZE
    intake.close()


async def test_what_was_acknowledged_before_the_limit_stays(database: Database, tmp_path: Path) -> None:
    audio = DirectoryAudio(tmp_path / "recordings")
    intake = intake_over(database, audio, max_client_bytes=LIMIT, sync_s=0.02)
    live, other = [await intake.create(an_upload()) for _ in range(2)]
    tap = Tap()
    appending = asyncio.create_task(intake.append(live.id, 0, tap.chunks()))
    tap.give(b"a" * 400)
    await until(lambda: row(database, live.id).received == 400, "its first bytes are acknowledged")
    await intake.append(other.id, 0, given(b"b" * 500))
    tap.give(b"a" * 400)
    tap.end()

    with pytest.raises(QuotaExceeded, match="one client"):
        await appending
    assert held(database, audio, live.id) == b"a" * 400
    assert (await intake.complete(live.id)).received == 400
    intake.close()


@pytest.mark.parametrize("quotas", [Quotas(client_bytes=LIMIT), Quotas(total_bytes=LIMIT)], ids=["client", "total"])
def test_a_commit_waits_for_another_that_takes_the_room(postgres_database: Database, quotas: Quotas) -> None:
    begun = [asyncio.run(_begin(postgres_database)) for _ in range(2)]
    has_written, may_commit = Event(), Event()

    def slowly(connection: Connection) -> None:
        _grow(begun[0], quotas)(connection)
        has_written.set()
        assert may_commit.wait(60)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(postgres_database.write, slowly)
        try:
            assert has_written.wait(60)
            second = threads.submit(postgres_database.write, _grow(begun[1], quotas))
            wait_until(lambda: _waits_or_ended(postgres_database, second), "the second one waits for the first")
        finally:
            may_commit.set()
        first.result()
        with pytest.raises(QuotaExceeded):
            second.result()


async def _begin(database: Database) -> Recording:
    intake = intake_over(database, DirectoryAudio(Path("/nonexistent")))
    try:
        return await intake.create(an_upload())
    finally:
        intake.close()


def _grow(recording: Recording, quotas: Quotas) -> Callable[[Connection], Recording]:
    def grow(connection: Connection) -> Recording:
        turn = store_intake.take_over(connection, recording.id, 0, None, 60.0)
        part = Part(0, SIZE, f"recordings/{recording.id}/0")
        return store_intake.receive(connection, store_intake.Turn(turn.recording, 60.0, quotas), 0, [part])

    return grow


def _waits_or_ended(database: Database, commit: Future[Recording]) -> bool:
    waiting = "SELECT 1 AS one FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    return commit.done() or bool(database.read(lambda connection: connection.fetch(waiting, {})))
