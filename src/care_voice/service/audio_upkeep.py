"""Keeps the storage of sound in order: deletes what is doomed, finds what no row names, and what is missing.

Objects are deleted in one way only: they are written into the list of doomed ones, in a transaction after which no row
names them, and stay there until they are gone. One that a row names is never deleted, whoever doomed it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from care_voice.domain.audio_audit import Missed, Suspects, Tally, Unnamed, differences, too_many
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.ids import is_id
from care_voice.service.in_threads import AudioThreads
from care_voice.store import doomed, named_audio
from care_voice.store.audio import AudioStore
from care_voice.store.database import Connection, Database
from care_voice.supervisor.waiting import came_within
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_HOUR_S = 3600.0
_BATCH = 100
_MOST_LOGGED = 20
_OURS = "recordings/"
_OWNER = "installation/"


@dataclass(frozen=True, slots=True)
class AudioUpkeepSettings:
    """When the storage of recordings is tidied up."""

    look_every_s: float = 30.0
    """Seconds between looks for objects to delete, which failed before or were missed; a deletion wakes it at once."""

    sweep_every_h: float = 6.0
    """Hours between two comparisons of all objects with all rows; 0 switches them off."""

    grace_h: float = 24.0
    """An object that no row names is deleted when it is older than this and two comparisons have found it."""

    def __post_init__(self) -> None:
        """Raises ValueError where a value cannot work."""
        if self.look_every_s <= 0 or self.sweep_every_h < 0 or self.grace_h < 1:
            raise ValueError("LOOK_EVERY_S must be above 0, SWEEP_EVERY_H at least 0, and GRACE_H at least 1")


@dataclass(frozen=True, slots=True)
class Swept:
    """What a comparison found: keys that it doomed, keys of which bytes are missing, and why nothing was doomed."""

    doomed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    refused: str = ""


class AudioUpkeep:
    """Works in the background, in every node: what two of them do twice does no harm."""

    def __init__(
        self,
        database: Database,
        audio: AudioStore,
        settings: AudioUpkeepSettings,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
        *,
        threads: AudioThreads | None = None,
    ) -> None:
        """`clock` is in Unix seconds, as the storage's own. `threads` are those that all work on sound shares."""
        self._threads = threads or AudioThreads()
        self._database = database
        self._audio = audio
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._suspects = Suspects(settings.grace_h * _HOUR_S)
        self._swept_at = time.monotonic()
        self._is_well = True

    async def run(self) -> None:
        """Go on until cancelled."""
        wake = asyncio.Event()
        forget = self._database.listen(doomed.TOPIC, wake.set)
        try:
            while True:
                wake.clear()
                await self._look()
                await came_within(wake, self._settings.look_every_s)
        finally:
            forget()

    async def _look(self) -> None:
        try:
            await self._threads.run(self.delete_doomed)
            if self._is_time_to_sweep():
                await self._threads.run(self.sweep)
                self._swept_at = time.monotonic()
            await self._threads.run(self.measure)
        except CareVoiceError as error:
            if self._is_well:
                log.warning("audio_upkeep_waits", code=error.code, detail=error.message)
            self._is_well = False
        else:
            self._is_well = True

    def _is_time_to_sweep(self) -> bool:
        every_s = self._settings.sweep_every_h * _HOUR_S
        return every_s > 0 and time.monotonic() - self._swept_at >= every_s

    def delete_doomed(self) -> int:
        """Delete what is doomed; how many objects are gone. What cannot be deleted now stays on the list. Blocks.

        Raises:
            StoreError: The database cannot be used now.
        """
        deleted = 0
        while True:
            due, wanted = self._database.read(_due)
            gone = self._delete([key for key in due if key not in wanted])
            failed = [key for key in due if key not in wanted and key not in gone]
            self._database.write(partial(_settle, gone=[*gone, *wanted], failed=failed))
            deleted += len(gone)
            self._metrics.objects_deleted.inc(len(gone))
            for key in wanted:
                log.error("doomed_object_is_named", key=key)
            if failed or len(due) < _BATCH:
                return deleted

    def _delete(self, keys: Sequence[str]) -> list[str]:
        """Those of them that are gone now."""
        try:
            self._audio.delete(keys)
            return list(keys)
        except CareVoiceError as error:
            log.warning("audio_not_deleted", code=error.code, detail=error.message)
        return [key for key in keys if self._is_deleted(key)]

    def _is_deleted(self, key: str) -> bool:
        try:
            self._audio.delete([key])
        except CareVoiceError:
            return False
        return True

    def sweep(self) -> Swept:
        """Compare all objects with all rows. Blocks.

        Raises:
            StoreError: The database or the storage cannot be used now.
        """
        tally, unnamed, missed = Tally(), list[Unnamed](), list[Missed]()
        for found in differences(self._audio.keys(_OURS), named_audio.all_named(self._database), tally):
            if isinstance(found, Unnamed):
                unnamed.append(found)
            else:
                missed.append(found)
        guilty = self._suspects.guilty(unnamed, self._clock())
        refused = self._refusal(len(guilty), tally)
        if refused:
            log.error("sweep_refused", why=refused, objects=len(guilty))
            guilty = []
        swept = Swept(self._doom(guilty), self._confirmed(missed), refused)
        self._metrics.objects_unnamed.set(len(unnamed) - len(swept.doomed))
        log.info("audio_swept", objects=tally.objects, doomed=len(swept.doomed), missing=len(swept.missing))
        return swept

    def _refusal(self, guilty: int, tally: Tally) -> str:
        """Why nothing may be deleted; empty where it may."""
        owner = self._database.write(named_audio.installation_id)
        names = [each.key.removeprefix(_OWNER) for each in self._audio.keys(_OWNER)]
        # A kill may have left the beginning of another word.
        owners = [name for name in names if is_id("ins", name)]
        if not owners:
            self._claim(owner)
        elif owners != [owner]:
            return "the storage belongs to another database"
        return "there are too many for accidents: the database may be an old one" if too_many(guilty, tally) else ""

    def _claim(self, owner: str) -> None:
        """Leave word of whose storage this is."""
        with tempfile.NamedTemporaryFile() as empty:
            self._audio.put_file(f"{_OWNER}{owner}", Path(empty.name))

    def _doom(self, guilty: Iterable[Unnamed]) -> tuple[str, ...]:
        keys = [each.key for each in guilty]
        return tuple(self._database.write(partial(_doom_unnamed, keys=keys))) if keys else ()

    def _confirmed(self, missed: Iterable[Missed]) -> tuple[str, ...]:
        """Those that are still missed: rows and objects were not read in one moment."""
        missing = tuple(each.key for each in missed if self._is_missing(each.key))
        for key in missing[:_MOST_LOGGED]:
            log.error("audio_missing", key=key)
        self._metrics.objects_missing.set(len(missing))
        return missing

    def _is_missing(self, key: str) -> bool:
        needed = self._database.read(partial(named_audio.needed, key=key))
        sizes = [each.size for each in self._audio.keys(key) if each.key == key]
        return needed is not None and (not sizes or sizes[0] < needed)

    def measure(self) -> None:
        """Set the metrics that are no events. Blocks. Raises StoreError."""
        self._metrics.recordings_stored.set(self._database.read(named_audio.total_bytes))
        self._metrics.objects_doomed.set(self._database.read(named_audio.waiting))
        free = self._audio.free_bytes()
        if free is not None:
            self._metrics.recordings_free.set(free)


def _due(connection: Connection) -> tuple[list[str], set[str]]:
    """Doomed objects, and those of them that rows name."""
    due = doomed.due(connection, _BATCH)
    return due, {key for key in due if named_audio.needed(connection, key) is not None}


def _settle(connection: Connection, gone: Sequence[str], failed: Sequence[str]) -> None:
    doomed.gone(connection, gone)
    for key in failed:
        named_audio.postpone(connection, key)


def _doom_unnamed(connection: Connection, keys: Sequence[str]) -> list[str]:
    unnamed = [key for key in keys if named_audio.needed(connection, key) is None]
    doomed.doom(connection, unnamed)
    return unnamed
