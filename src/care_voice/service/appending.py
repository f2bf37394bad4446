"""Bytes on their way into a recording: written, made durable, and only then acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from care_voice.domain.checksums import Checksum
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.recordings import Part, Recording
from care_voice.domain.store_errors import AppendConflict, ChecksumMismatch, QuotaExceeded, UnknownRecording
from care_voice.service.feed import Feed, Pace
from care_voice.store import intake
from care_voice.store.audio import AudioStore, PartWriter
from care_voice.store.database import Database
from care_voice.store.intake import Turn

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Room:
    """A recording may reach `end` bytes; `refusal` is why no more."""

    end: int
    refusal: CareVoiceError


@dataclass(frozen=True, slots=True)
class Storage:
    """Where bytes go. `require_free` raises StorageFull where so many more would fill the disk too far; it blocks, as
    the audio store does, so both are called in `threads`.
    """

    database: Database
    audio: AudioStore
    threads: Executor
    require_free: Callable[[int], None]


class Appending:
    """One request's bytes. Everything blocking is done in `threads`, a step at a time, while the next bytes come in."""

    def __init__(self, turn: Turn, storage: Storage, room: Room, pace: Pace, checksum: Checksum | None) -> None:
        self._turn = turn
        self._storage = storage
        self._room = room
        self._pace = pace
        self._checksum = checksum
        self._hash = checksum.begin() if checksum else None
        self._taken = self._written = self._acknowledged = turn.recording.received
        self._synced_at = asyncio.get_running_loop().time()
        self._kept: Sequence[Part] = ()
        self._step: asyncio.Task[None] | None = None
        self._recording = turn.recording

    async def run(self, chunks: AsyncIterator[bytes]) -> Recording:
        """Take all chunks; the recording with them.

        Where the connection is cut, or something else ends this, what has come is kept first, unless it was promised to
        have a checksum, which part of it cannot have.

        Raises:
            AppendConflict, UnknownRecording: Somebody else has taken over or has deleted it.
            ChecksumMismatch: Nothing of it was kept.
            StorageFull, AudioUnavailable, StoreUnavailable, StoreBusy: The rest could not be stored.
            QuotaExceeded: Others have taken the room for the rest meanwhile.
            CareVoiceError: The refusal of the room.
        """
        recording = self._turn.recording
        with ExitStack() as stack:
            opened = self._storage.audio.writer(recording.id, recording.received, self._turn.appender)
            writer = await self._blocking(stack.enter_context, opened)
            closing = stack.pop_all().close
        try:
            return await self._receive(writer, chunks)
        finally:
            await self._settle_step()
            await self._blocking(closing)

    async def _receive(self, writer: PartWriter, chunks: AsyncIterator[bytes]) -> Recording:
        async with Feed(chunks, self._pace) as feed:
            try:
                while (batch := await feed.next()) is not None:
                    await self._take(writer, batch)
                await self._settle_step(raising=True)
                if self._checksum and self._hash and not self._checksum.matches(self._hash):
                    raise ChecksumMismatch
                if not self._recording.complete:
                    # As a step too, so that a cancellation leaves it to its end before what came is kept.
                    await self._begin(self._acknowledge(writer))
                    await self._settle_step(raising=True)
            except BaseException:  # a cancellation too: whatever ends this, what came before it is kept
                await self._keep(writer, feed.waiting)
                raise
        return self._recording

    async def _take(self, writer: PartWriter, batch: bytes) -> None:
        """Begin to write a batch once the one before it is written."""
        self._taken += len(batch)
        if self._taken > self._room.end:
            raise self._room.refusal
        await self._begin(self._store(writer, batch))

    async def _store(self, writer: PartWriter, batch: bytes) -> None:
        if batch:
            await self._blocking(self._write, writer, batch)
        if self._checksum is None and self._is_time_to_sync():
            await self._acknowledge(writer)

    def _write(self, writer: PartWriter, batch: bytes) -> None:
        self._storage.require_free(len(batch))
        if self._hash is not None:
            self._hash.update(batch)
        writer.write(batch)
        self._written += len(batch)

    def _is_time_to_sync(self) -> bool:
        waiting, now = self._written - self._acknowledged, asyncio.get_running_loop().time()
        return waiting >= self._pace.sync_bytes or (waiting > 0 and now >= self._synced_at + self._pace.sync_s)

    async def _acknowledge(self, writer: PartWriter) -> None:
        """Make durable what is written, then say so in the database."""
        parts = await self._blocking(writer.sync) if self._written > self._acknowledged else list(self._kept)
        new = [part for part in parts if part not in self._kept]
        receive = partial(intake.receive, turn=self._turn, expected=self._acknowledged, parts=new)
        try:
            self._recording = await self._storage.database.awrite(receive)
        except (AppendConflict, QuotaExceeded, UnknownRecording):
            # Nothing of it will ever be acknowledged.
            self._written = self._acknowledged
            await self._storage.database.awrite(partial(intake.discard, recording_id=self._recording.id, parts=new))
            raise
        self._kept, self._acknowledged = parts, self._recording.received
        self._synced_at = asyncio.get_running_loop().time()

    async def _keep(self, writer: PartWriter, waiting: bytes) -> None:
        if self._checksum is not None:
            return
        try:
            await self._settle_step()
            # Behind bytes that could not be written none may follow.
            if self._written == self._taken and self._taken + len(waiting) <= self._room.end:
                await self._store(writer, waiting)
            if self._written > self._acknowledged:
                await self._acknowledge(writer)
        except CareVoiceError as error:
            log.info("upload_cut", recording=self._recording.id, kept=self._acknowledged, code=error.code)

    async def _begin(self, step: Coroutine[object, object, None]) -> None:
        try:
            await self._settle_step(raising=True)
        except BaseException:
            step.close()
            raise
        self._step = asyncio.create_task(step)

    async def _settle_step(self, *, raising: bool = False) -> None:
        """Wait for the step in hand. It is never cancelled: two threads would use the writer."""
        if self._step is None:
            return
        await asyncio.wait({self._step})
        step, self._step = self._step, None
        if raising:
            step.result()
        elif (error := step.exception()) is not None:
            log.info("upload_step_failed", recording=self._turn.recording.id, error=str(error))

    async def _blocking(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._storage.threads, partial(work, *args, **kwargs))
