"""Keep recordings as long as the rules say: a watch that every node runs, and what people may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from care_voice.domain import labels
from care_voice.domain.errors import InvalidParameter
from care_voice.domain.receipts import Receipt
from care_voice.domain.recordings import Recording
from care_voice.domain.retention import Fate, RetentionPolicy, RetentionRule, Scope
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import StoreError, UnknownRecording, VersionConflict
from care_voice.service.deletion import Deletion
from care_voice.store import deletion, events, library, recordings
from care_voice.store import retention as store
from care_voice.store.database import Connection, Database
from care_voice.store.retention import Place
from care_voice.supervisor.waiting import came_within

log = structlog.get_logger(__name__)

RETENTION = "retention"
"""Who deletes what nobody deleted."""

_OVER = "its time in the trash was over"
_PAGE = 200
_MOST_CHARACTERS = 500
_Reader = Callable[..., list[Place]]


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """How long the trash keeps, and how often is looked for what is due. Rules are made through the API."""

    trash_days: float = 30.0
    """Days in the trash, by hand or by a rule, until a recording is deleted for good; 0 deletes it at the next look."""

    look_every_s: float = 600.0
    """Seconds between looks; each node looks by itself."""

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.trash_days < 0 or self.look_every_s <= 0:
            raise ValueError("TRASH_DAYS must not be negative, and LOOK_EVERY_S must be more than 0")


@dataclass
class Looked:
    """What a look has done."""

    trashed: int = 0
    deleted: int = 0
    completed: int = 0
    """Receipts of recordings whose sound is gone now."""


@dataclass(frozen=True, slots=True)
class Due:
    """What the next look will do to a recording."""

    recording_id: str
    fate: Fate


class Retention:
    """Rules, holds, receipts, and deletion for good."""

    def __init__(self, database: Database, removal: Deletion, settings: RetentionSettings) -> None:
        self.settings = settings
        self._database = database
        self._removal = removal
        self._wake = asyncio.Event()

    # --- what people ask for ------------------------------------------------------------------------------------------

    async def rules(self) -> list[RetentionRule]:
        """All rules."""
        return await self._database.aread(store.rules)

    async def put_rule(self, scope: Scope, value: str, days: float | None) -> RetentionRule:
        """A rule, in place of the one for the same scope and value. Raises InvalidParameter."""
        value = labels.line("value", value, _MOST_CHARACTERS)
        try:
            RetentionRule("", scope, value, days)
        except ValueError as error:
            raise InvalidParameter(param="days" if "days" in str(error) else "value", why=str(error)) from error
        rule = await self._database.awrite(partial(store.put_rule, scope=scope, value=value, days=days))
        log.info("retention_rule_set", scope=scope.value, value=value, days=days)
        return rule

    async def delete_rule(self, rule_id: str) -> None:
        """Raises UnknownRule."""
        await self._database.awrite(partial(store.delete_rule, rule_id=rule_id))
        log.info("retention_rule_deleted", rule=rule_id)

    async def hold(self, recording_id: str, reason: str, *, replace: bool = False) -> Recording:
        """Keep a recording, whatever rules or people say. One that is held keeps its reason, unless this one is to
        `replace` it. Raises UnknownRecording, InvalidParameter."""
        reason = labels.line("reason", reason, _MOST_CHARACTERS)
        if not reason:
            raise InvalidParameter(param="reason", why="a hold needs one")
        hold = partial(store.set_hold, recording_id=recording_id, reason=reason, replace=replace)
        held = await self._database.awrite(hold)
        log.info("legal_hold_set", recording=recording_id)
        return held

    async def release(self, recording_id: str) -> Recording:
        """End the hold. Raises UnknownRecording."""
        released = await self._database.awrite(partial(store.set_hold, recording_id=recording_id, reason=None))
        log.info("legal_hold_released", recording=recording_id)
        return released

    async def delete(self, recording_id: str, *, who: str, reason: str, version: int | None = None) -> Receipt:
        """Delete a recording for good, in the trash or not; with `version`, only where it is still at that one.

        Raises:
            UnknownRecording, LegalHold, VersionConflict: Nothing was deleted.
        """
        reason = labels.line("reason", reason, _MOST_CHARACTERS)
        at_version = partial(_is_at, recording_id=recording_id, version=version)
        receipt = await self._removal.delete(recording_id, who=who, reason=reason, only_if=at_version)
        assert receipt is not None
        self._wake.set()
        return receipt

    async def receipt(self, receipt_id: str) -> Receipt:
        """Raises UnknownReceipt."""
        return await self._database.aread(partial(deletion.receipt, receipt_id=receipt_id))

    async def receipts(self, *, recording_id: str | None, before: str | None, limit: int) -> list[Receipt]:
        """The newest first; `before` is the last one that was read."""
        read = partial(deletion.receipts, recording_id=recording_id, before=before, limit=limit)
        return await self._database.aread(read)

    async def due(self, limit: int) -> list[Due]:
        """What the next look will do, up to `limit` recordings."""
        found: list[Due] = []
        seen: set[str] = set()
        async for recording_id in self._candidates():
            fate = await self._database.aread(partial(self._look_at, recording_id=recording_id))
            if recording_id not in seen and fate is not Fate.KEEP:
                found.append(Due(recording_id, fate))
                seen.add(recording_id)
            if len(found) == limit:
                break
        return found

    # --- the watch ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            try:
                await self.look()
            except (StoreError, StorageFull) as error:
                log.warning("retention_delayed", code=error.code, why=error.message)
            await came_within(self._wake, self.settings.look_every_s)
            self._wake.clear()

    async def look(self) -> Looked:
        """Do what is due now. Other nodes may do the same meanwhile; each recording is judged again under its lock.

        Raises:
            StoreUnavailable, StoreBusy, AudioUnavailable, StorageFull: The rest is left for the next look.
        """
        looked = Looked()
        async for recording_id in self._candidates():
            await self._do(recording_id, looked)
        looked.completed = await self._removal.settle()
        if await self._removal.leaves_traces():
            await self._removal.erase_traces()
        return looked

    async def _do(self, recording_id: str, looked: Looked) -> None:
        # What another rule keeps is a candidate at each look: nobody who writes waits for it.
        if await self._database.aread(partial(self._look_at, recording_id=recording_id)) is Fate.KEEP:
            return
        # Another node may have deleted it meanwhile.
        with suppress(UnknownRecording):
            if await self._database.awrite(partial(self._trash, recording_id=recording_id)):
                looked.trashed += 1
                log.info("recording_expired", recording=recording_id)
                return
            in_time = partial(self._is_over, recording_id=recording_id)
            if await self._removal.delete(recording_id, who=RETENTION, reason=_OVER, only_if=in_time):
                looked.deleted += 1

    async def _candidates(self) -> AsyncIterator[str]:
        """Recordings that may be due, some of them twice."""
        readers: list[_Reader] = [partial(store.past_trash, trash_days=self.settings.trash_days, limit=_PAGE)]
        readers += [partial(store.past_rule, rule=rule, limit=_PAGE) for rule in await self.rules() if rule.days]
        for reader in readers:
            place = Place()
            while places := await self._database.aread(partial(reader, after=place)):
                for place in places:
                    yield place.id

    def _trash(self, connection: Connection, recording_id: str) -> bool:
        recording = recordings.lock(connection, recording_id, trashed=True)
        if self._fate(connection, recording) is not Fate.TRASH:
            return False
        library.set_trashed(connection, recording_id, connection.now)
        recordings.touch(connection, recording_id)
        events.append(connection, recording_id, "recording.trashed", {"reason": RETENTION})
        return True

    def _is_over(self, connection: Connection, recording_id: str) -> bool:
        recording = recordings.lock(connection, recording_id, trashed=True)
        return self._fate(connection, recording) is Fate.DELETE

    def _look_at(self, connection: Connection, recording_id: str) -> Fate:
        """For a transaction that reads only."""
        try:
            return self._fate(connection, recordings.get(connection, recording_id, trashed=True))
        except UnknownRecording:
            return Fate.KEEP

    def _fate(self, connection: Connection, recording: Recording) -> Fate:
        policy = RetentionPolicy(store.rules(connection), self.settings.trash_days)
        return policy.fate(store.kept(recording), connection.now)


def _is_at(connection: Connection, *, recording_id: str, version: int | None) -> bool:
    """Raises UnknownRecording, VersionConflict."""
    recording = recordings.lock(connection, recording_id, trashed=True)
    if version is not None and recording.version != version:
        raise VersionConflict(version=recording.version)
    return True
