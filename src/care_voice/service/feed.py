"""Bytes as a client sends them, gathered into batches that are worth a call into another thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from care_voice.domain.store_errors import UploadStalled

_BATCH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what has come is made durable: after `sync_bytes`, and after `sync_s` seconds at the latest. A client
    that sends nothing for `stall_s` is given up.
    """

    sync_bytes: int
    sync_s: float
    stall_s: float


class Feed:
    """Takes from `chunks` one after the other, within a block."""

    def __init__(self, chunks: AsyncIterator[bytes], pace: Pace) -> None:
        self._chunks = chunks
        self._pace = pace
        self._clock = asyncio.get_running_loop().time
        self._gathered = bytearray()
        self._following: asyncio.Task[bytes | None] | None = None
        self._silent_s = 0.0

    async def __aenter__(self) -> Feed:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._following is not None:
            self._following.cancel()
            # What it raises is of no interest any more, but must have been looked at.
            await asyncio.gather(self._following, return_exceptions=True)

    @property
    def waiting(self) -> bytes:
        """What has come and was not given yet; it is there too when the connection was cut."""
        following = self._following
        if following is None or not following.done() or following.cancelled() or following.exception():
            return bytes(self._gathered)
        return bytes(self._gathered) + (following.result() or b"")

    async def next(self) -> bytes | None:
        """About a megabyte, or what came within `sync_s`, be it nothing; None at the end.

        Raises:
            UploadStalled: Nothing came for too long. Else what `chunks` raises.
        """
        until = self._clock() + self._pace.sync_s
        while len(self._gathered) < _BATCH_BYTES and self._clock() < until:
            if not await self._gather(until):
                return self._taken() or None
        if self._silent_s >= self._pace.stall_s:
            raise UploadStalled(stall_s=f"{self._pace.stall_s:g}")
        return self._taken()

    async def _gather(self, until: float) -> bool:
        """Wait for the next chunk, or for the time `until`. False at the end."""
        if self._following is None:
            self._following = asyncio.create_task(self._chunk())
        asked_at = self._clock()
        await asyncio.wait({self._following}, timeout=until - asked_at)
        if not self._following.done():
            self._silent_s += self._clock() - asked_at
            return True
        data, self._following, self._silent_s = self._following.result(), None, 0.0
        self._gathered += data or b""
        return data is not None

    async def _chunk(self) -> bytes | None:
        """The next chunk, or None at the end: a task cannot raise StopAsyncIteration."""
        return await anext(self._chunks, None)

    def _taken(self) -> bytes:
        batch, self._gathered = bytes(self._gathered), bytearray()
        return batch
