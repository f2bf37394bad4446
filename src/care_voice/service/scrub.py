"""Reads all installed models again from time to time, while nobody needs the machine: bits rot without a trace.

The watch over the served model looks at sizes and times only. This hashes every byte, slowly, and has what is damaged
repaired before a worker loads it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from care_voice.domain.model_errors import ModelError, PullCancelled
from care_voice.models.progress import Progress
from care_voice.models.records import Record
from care_voice.models.report import Report
from care_voice.models.store import ModelStore
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_HOUR_S = 3600.0
_OVERDUE = 7


@dataclass(frozen=True, slots=True)
class ScrubSettings:
    """When installed models are read and hashed again."""

    every_h: float = 24.0
    """Hours after which a model is due; 0 switches the scrub off. After seven times as long it no longer waits for
    an idle moment."""

    idle_s: float = 60.0
    """Seconds without a transcription before it begins; it stops for the first one that comes."""

    max_bytes_s: float = 100e6
    """Bytes a second that it reads at most, so that a disk keeps answering others."""

    look_every_s: float = 30.0
    """Seconds between looks whether something is due."""


def urgency(record: Record | None, now: datetime, every_h: float) -> float:
    """How often the interval has passed since the last check that found a model whole: 1 is due. A model that was never
    checked, or that was damaged, is due without end. Pure."""
    if every_h <= 0:
        return 0.0
    if record is None or not record.verified_ok:
        return float("inf")
    try:
        age_s = (now - datetime.fromisoformat(record.verified_at)).total_seconds()
    except (ValueError, TypeError):
        return float("inf")
    # A clock that was set back must not put the next check off for years.
    return abs(age_s) / (every_h * _HOUR_S)


class Scrubber:
    """Checks one model at a time. `idle_s` says for how many seconds the service has had nothing to do; `mend` repairs
    a model, and raises ModelError."""

    def __init__(
        self,
        store: ModelStore,
        mend: Callable[[str], Awaitable[None]],
        idle_s: Callable[[], float],
        settings: ScrubSettings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._mend = mend
        self._idle_s = idle_s
        self._settings = settings
        self._metrics = metrics

    async def run(self) -> None:
        """Go on until cancelled."""
        while self._settings.every_h > 0:
            await asyncio.sleep(self._settings.look_every_s)
            try:
                await self.scrub_due()
            except (ModelError, OSError) as error:
                log.error("scrub_failed", why=str(error))

    async def scrub_due(self) -> list[str]:
        """Check what is due, if this is a moment for it. Returns the models that were checked to the end."""
        checked = []
        for name, how_urgent in await asyncio.to_thread(self._due):
            patient = how_urgent < _OVERDUE or how_urgent == float("inf")
            if patient and self._idle_s() < self._settings.idle_s:
                break
            report = await self._verify(name, patient=patient)
            if report is None:
                break
            checked.append(name)
            await self._follow_up(report)
        return checked

    def _due(self) -> list[tuple[str, float]]:
        now, every_h = datetime.now(UTC), self._settings.every_h
        found = [(name, urgency(self._store.record(name), now, every_h)) for name in self._store.manifest_names()]
        return sorted((each for each in found if each[1] >= 1), key=lambda each: -each[1])

    async def _verify(self, name: str, *, patient: bool) -> Report | None:
        """The outcome; None when it had to make room for work."""
        token = _Token(lambda: patient and self._idle_s() == 0)
        try:
            return await asyncio.to_thread(self._store.verify, name, _Brake(self._settings.max_bytes_s), token)
        except PullCancelled:
            log.info("scrub_interrupted", model=name)
            return None
        finally:
            token.stop()

    async def _follow_up(self, report: Report) -> None:
        self._metrics.scrubs.labels(report.name, "whole" if report.ok else "damaged").inc()
        self._metrics.scrubbed.labels(report.name).set(time.time())
        if report.ok:
            log.info("model_scrubbed", model=report.name)
            return
        log.warning("scrub_found_damage", model=report.name, why=report.why)
        try:
            await self._mend(report.name)
        except ModelError as error:
            log.error("scrub_could_not_repair", model=report.name, code=error.code, detail=error.message)
        else:
            log.info("scrub_repaired", model=report.name)


class _Token:
    """Cancels a check when there is work, or when the service stops."""

    def __init__(self, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self._stopped = threading.Event()

    def is_set(self) -> bool:
        return self._stopped.is_set() or self._busy()

    def stop(self) -> None:
        self._stopped.set()


class _Brake:
    """Holds the thread that hashes back to a rate."""

    def __init__(self, max_bytes_s: float) -> None:
        self._max_bytes_s = max_bytes_s
        self._began = time.monotonic()
        self._before = 0
        self._last = Progress("verifying", "", 0, 0, "")

    def __call__(self, event: Progress) -> None:
        if event.file != self._last.file:
            self._before += self._last.done_bytes
        self._last = event
        ahead_s = (self._before + event.done_bytes) / self._max_bytes_s - (time.monotonic() - self._began)
        if ahead_s > 0:
            time.sleep(ahead_s)
