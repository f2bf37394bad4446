"""Delete recordings for good: the rows at once, then the sound, then what is left in the files of the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.receipts import Receipt
from care_voice.service.in_threads import AudioThreads
from care_voice.store import deletion, doomed
from care_voice.store.audio import AudioStore
from care_voice.store.database import Connection, Database
from care_voice.store.erasure import erase_traces

log = structlog.get_logger(__name__)

Condition = Callable[[Connection], bool]

_RECENT_S = 2 * 24 * 3600.0


class Deletion:
    """Deletes recordings of a database and an audio storage."""

    def __init__(self, database: Database, audio: AudioStore, threads: AudioThreads | None = None) -> None:
        """`threads` are those that all work on sound shares."""
        self._threads = threads or AudioThreads()
        self._database = database
        self._audio = audio
        self._erased: int | None = None
        """How many deletions there had been when their traces were erased; None: not since the start."""

    async def leaves_traces(self) -> bool:
        """Whether deletions, in this process or another, may have left words in the database's files."""
        return await self._database.aread(self._has_traces)

    def _has_traces(self, connection: Connection) -> bool:
        if self._erased is None:
            return deletion.any_since(connection, connection.now - _RECENT_S)
        return deletion.count(connection) != self._erased

    async def delete(
        self, recording_id: str, *, who: str, reason: str, only_if: Condition | None = None
    ) -> Receipt | None:
        """Delete a recording if `only_if` still holds under the lock; None where it does not.

        When this returns the rows are gone for good. The sound is gone too where the receipt says so; else the storage
        could not be reached, and `settle` goes on.

        Raises:
            UnknownRecording: There is none.
            LegalHold: It is held.
            StoreUnavailable, StoreBusy: Nothing was deleted.
        """
        receipt = await self._database.awrite(
            partial(_delete, recording_id=recording_id, who=who, reason=reason, only_if=only_if)
        )
        if receipt is None:
            return None
        log.info("recording_deleted", recording=recording_id, receipt=receipt.id, reason=reason)
        try:
            await self._threads.run(self._erase_sound, receipt.id, recording_id)
        except CareVoiceError as error:
            log.warning("deleted_audio_left", recording=recording_id, code=error.code, why=error.message)
        return await self._database.aread(partial(deletion.receipt, receipt_id=receipt.id))

    async def settle(self) -> int:
        """Delete the sound of recordings whose rows are gone; how many receipts were completed.

        Raises:
            AudioUnavailable, StoreUnavailable, StoreBusy: The rest is left for the next time.
        """
        completed, after = 0, ""
        while opened := await self._database.aread(partial(deletion.open_receipts, after=after)):
            for receipt_id, recording_id in opened:
                completed += await self._threads.run(self._erase_sound, receipt_id, recording_id)
            after = opened[-1][0]
        return completed

    async def erase_traces(self) -> bool:
        """Make deleted words go from the database's files; whether all of them are gone."""
        count = await self._database.aread(deletion.count)
        gone = await asyncio.to_thread(erase_traces, self._database)
        if gone:
            self._erased = count
        return gone

    def _erase_sound(self, receipt_id: str, recording_id: str) -> bool:
        """Delete every object of a recording, named by rows or not, and look again; whether the receipt is complete."""
        prefix = deletion.audio_prefix(recording_id)
        keys = self._database.read(partial(deletion.doomed_of, recording_id=recording_id))
        keys += [each.key for each in self._audio.keys(prefix) if each.key not in keys]
        self._audio.delete(keys)
        if next(iter(self._audio.keys(prefix)), None) is not None:
            return False
        return self._database.write(partial(_complete, receipt_id=receipt_id, keys=keys))


def _delete(
    connection: Connection, *, recording_id: str, who: str, reason: str, only_if: Condition | None
) -> Receipt | None:
    if only_if is not None and not only_if(connection):
        return None
    return deletion.delete_for_good(connection, recording_id, who=who, reason=reason)


def _complete(connection: Connection, *, receipt_id: str, keys: list[str]) -> bool:
    doomed.gone(connection, keys)
    return deletion.complete(connection, receipt_id)
