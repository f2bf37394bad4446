"""Stored transcripts for those who read, edit and export them. Everything runs in threads of the store's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from care_voice.domain.edits import Edit
from care_voice.domain.history import Entry, redoable, undoable
from care_voice.domain.stored import Seen, StoredSegment, TranscriptHead
from care_voice.service.exports import Export, export
from care_voice.store import recordings, segments, transcripts
from care_voice.store.database import Connection, Database
from care_voice.store.transcripts import Edited


@dataclass(frozen=True, slots=True)
class Page:
    """Some segments of a version; `count` is how many there are. `undo` and `redo` say whether there is something."""

    head: TranscriptHead
    segments: Sequence[StoredSegment]
    count: int
    undo: bool
    redo: bool


class Transcripts:
    """The transcripts of all recordings. Methods raise what `store.transcripts` says, and StoreError."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def versions(self, recording_id: str) -> list[TranscriptHead]:
        """Every version, the oldest first."""
        return await self._db.aread(lambda c: transcripts.versions(c, recording_id))

    async def page(self, recording_id: str, number: int | None, *, skip: int, limit: int) -> Page:
        """`limit` segments of a version after the first `skip`."""

        def work(connection: Connection) -> Page:
            head = transcripts.head(connection, recording_id, number)
            steps = transcripts.steps(connection, head.id)
            found = segments.page(connection, head.id, skip=skip, limit=limit)
            count = segments.count(connection, head.id)
            return Page(head, found, count, undoable(steps) is not None, redoable(steps) is not None)

        return await self._db.aread(work)

    async def history(self, recording_id: str, number: int | None, *, before: int, limit: int) -> list[Entry]:
        """Entries before a revision, the newest first."""
        return await self._db.aread(lambda c: transcripts.history(c, recording_id, number, before=before, limit=limit))

    async def edit(
        self, recording_id: str, number: int | None, edits: Sequence[Edit], *, seen: Seen, who: str
    ) -> Edited:
        """Make edits, as one entry of the history."""
        planned = await self._db.aread(lambda c: transcripts.plan(c, recording_id, number, edits, seen=seen))
        return await self._db.awrite(
            lambda c: transcripts.edit(c, recording_id, number, edits, seen=seen, who=who, planned=planned)
        )

    async def undo(self, recording_id: str, number: int | None, *, seen: Seen, who: str) -> Edited:
        """Take back the last entry that is in effect."""
        return await self._db.awrite(lambda c: transcripts.undo(c, recording_id, number, seen=seen, who=who))

    async def redo(self, recording_id: str, number: int | None, *, seen: Seen, who: str) -> Edited:
        """Take back the last undo."""
        return await self._db.awrite(lambda c: transcripts.redo(c, recording_id, number, seen=seen, who=who))

    async def make_current(self, recording_id: str, number: int) -> TranscriptHead:
        """Show another version from now on."""
        return await self._db.awrite(lambda c: transcripts.make_current(c, recording_id, number))

    async def export(self, recording_id: str, number: int | None, wanted: str) -> Export:
        """A version as a file of one of `service.exports.FORMATS`."""
        recording, transcript = await self._db.aread(
            lambda c: (recordings.get(c, recording_id), transcripts.read(c, recording_id, number))
        )
        return await asyncio.to_thread(export, recording, transcript, wanted)
