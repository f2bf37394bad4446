"""Bytes are gathered into batches, none is lost when the connection is cut, and silence has an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from care_voice.domain.store_errors import UploadStalled
from care_voice.service.feed import Feed, Pace
from support.uploads import Cut, Tap, cut_after, given
from support.waiting import until

NEVER = Pace(sync_bytes=1 << 40, sync_s=3600.0, stall_s=3600.0)
BATCH = 1 << 20


async def test_small_chunks_are_gathered() -> None:
    async with Feed(given(*[b"x" * 1000] * 2500), NEVER) as feed:
        batches = []
        while (batch := await feed.next()) is not None:
            batches.append(batch)

    assert [len(batch) for batch in batches] == [1_049_000, 1_049_000, 402_000]
    assert b"".join(batches) == b"x" * 2_500_000


async def test_the_end_is_told_again() -> None:
    async with Feed(given(), NEVER) as feed:
        assert [await feed.next(), await feed.next()] == [None, None]


async def test_what_came_before_a_cut_waits() -> None:
    async with Feed(cut_after(b"ab", b"cd"), NEVER) as feed:
        with pytest.raises(Cut):
            await feed.next()

        assert feed.waiting == b"abcd"


async def test_what_came_at_the_moment_of_a_cancellation_waits() -> None:
    tap = Tap()
    async with Feed(tap.chunks(), NEVER) as feed:
        task = asyncio.create_task(feed.next())
        await until(lambda: tap.waited_for, "it waits for bytes")
        tap.give(b"ab")
        await asyncio.sleep(0)
        assert tap.empty
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert feed.waiting == b"ab"


async def test_what_comes_slowly_is_given_in_time() -> None:
    tap = Tap()
    async with Feed(tap.chunks(), Pace(1, sync_s=0.01, stall_s=3600.0)) as feed:
        tap.give(b"ab")
        assert await feed.next() == b"ab"
        assert await feed.next() == b""
        tap.give(b"cd")
        assert await feed.next() == b"cd"


async def test_silence_has_an_end() -> None:
    tap = Tap()
    tap.give(b"ab")
    async with Feed(tap.chunks(), Pace(1, sync_s=0.01, stall_s=0.05)) as feed:
        assert await feed.next() == b"ab"
        with pytest.raises(UploadStalled):
            await _all(feed)


async def _all(feed: Feed) -> None:
    while await feed.next() == b"":
        pass


async def test_what_is_in_hand_is_ended_with_the_block() -> None:
    closed = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            await Tap().chunks().__anext__()
        finally:
            closed.append(True)

    async with Feed(endless(), Pace(1, sync_s=0.01, stall_s=3600.0)) as feed:
        assert await feed.next() == b"a"

    assert closed == [True]
