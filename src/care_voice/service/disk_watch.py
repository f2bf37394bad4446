"""The room that is left for recordings: what can wait is put off before one of them has to be refused.

low_bytes          full_bytes               INTAKE__KEEP_FREE_BYTES        0
copies, waveforms, transcriptions, whose    new recordings are refused     recordings that are being
imports, backups   files lie here as well   as well                        received stop where they are
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import StorageFull, StorageLow
from care_voice.models.files import free_bytes
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_MIB = 1024**2
_COMFORT = 1.1
"""A level is left for a better one when there is a tenth more room than it asks for, so that nothing flutters."""


@dataclass(frozen=True, slots=True)
class DiskSettings:
    """How much room is kept for recordings, on the disk that has them."""

    low_bytes: int = 512 * _MIB
    """With less free space than this, what can wait is put off until there is more: copies for listening, waveforms,
    imports, and backups onto the same disk."""

    full_bytes: int = 384 * _MIB
    """With less than this, nothing is transcribed either, and the service is not ready; recordings are still received,
    until INTAKE__KEEP_FREE_BYTES."""

    look_every_s: float = 5.0
    """Seconds between looks."""

    def __post_init__(self) -> None:
        """Raises ValueError where the order of the two makes no sense."""
        if not 0 <= self.full_bytes <= self.low_bytes:
            raise ValueError("FULL_BYTES must be at least 0 and at most LOW_BYTES")


class DiskLevel(IntEnum):
    """How little room there is."""

    AMPLE = 0
    LOW = 1
    FULL = 2


def level_of(free: int, before: DiskLevel, settings: DiskSettings) -> DiskLevel:
    """The level for so many free bytes, after another one. Pure."""
    for level, least in ((DiskLevel.FULL, settings.full_bytes), (DiskLevel.LOW, settings.low_bytes)):
        if free < (least * _COMFORT if before >= level else least):
            return level
    return DiskLevel.AMPLE


def same_disk(place: Path, others: Sequence[Path]) -> bool:
    """Whether a place, which need not exist yet, is on the file system of one of the others. Raises OSError."""
    return _device(place) in {_device(other) for other in others}


def _device(place: Path) -> int:
    while not place.exists():
        place = place.parent
    return place.stat().st_dev


class DiskWatch:
    """Looks at the disks of recordings. The level is that of the last look."""

    def __init__(self, places: Sequence[Path], settings: DiskSettings, metrics: Metrics) -> None:
        """`places` need not exist yet."""
        self._places = tuple(places)
        self._settings = settings
        self._metrics = metrics
        self.level = DiskLevel.AMPLE
        self.free: int | None = None
        """Bytes on the disk with the least room; None before the first look."""

    @property
    def warning(self) -> CareVoiceError | None:
        """What an operator should know; None while there is enough room."""
        return None if self.level is DiskLevel.AMPLE else StorageLow(free_mb=(self.free or 0) // 10**6)

    @property
    def refusal(self) -> CareVoiceError | None:
        """Why nothing is transcribed now; None while it is."""
        return StorageFull() if self.level is DiskLevel.FULL else None

    def require_spare(self, size: int = 0) -> None:
        """Raises StorageLow while what can wait has to, and where it would have to after so many bytes more."""
        too_large = self.free is not None and size and self.free - size < self._settings.low_bytes
        if self.level is not DiskLevel.AMPLE or too_large:
            raise StorageLow(free_mb=(self.free or 0) // 10**6)

    def look_for(self, size: int = 0) -> None:
        """Look, and then as `require_spare`. Blocks."""
        self.look()
        self.require_spare(size)

    def look(self) -> None:
        """See how much room there is. Blocks; a disk that cannot be looked at is left to whoever writes to it."""
        try:
            self.free = min(free_bytes(place) for place in self._places)
        except OSError as error:
            log.warning("disk_not_looked_at", why=str(error))
            return
        level = level_of(self.free, self.level, self._settings)
        self._metrics.disk_free.set(self.free)
        self._metrics.disk_level.set(level)
        if level is not self.level:
            say = log.info if level < self.level else log.warning
            say("disk_level", level=level.name.lower(), before=self.level.name.lower(), free_bytes=self.free)
        self.level = level

    async def run(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(self._settings.look_every_s)
