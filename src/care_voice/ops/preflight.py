"""Pre-flight checks: can this machine do what the settings ask of it? Each says what it found, or what to do."""

from __future__ import annotations

import os
import platform
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from care_voice.domain.service_errors import PreflightFailed
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.files import free_bytes
from care_voice.service.lifecycle import Check
from care_voice.supervisor.memory import available_memory

_OVERHEAD_BYTES = 400 * 1024**2
"""The parent process and the first media worker, measured at about 190 MB together, with room for a second one."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes that must be free: where recordings lie, and beside a model that is still to be pulled."""

    for_data: int
    beside_models: int


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the checks need to know; `model` gives None where a server elsewhere holds it."""

    model: Callable[[], CatalogueModel | None]
    workers: int
    directories: tuple[Path, ...]
    """Where the service writes all the time; the first one has the recordings."""
    store: Path
    """The models: it may be read-only where the model is there."""
    installed: Callable[[], bool]
    room: Room

    def checks(self) -> list[Check]:
        """In the order in which they run; each raises PreflightFailed."""
        return [
            Check("settings", self._settings),
            Check("directories", self._directories),
            Check("disk", self._disk),
            Check("memory", self._memory),
        ]

    def _settings(self) -> str:
        model = self.model()
        engine = f"model {model.name}" if model else "a remote engine"
        return f"{engine}, Python {platform.python_version()}, {os.cpu_count()} CPUs"

    def _directories(self) -> str:
        found = [_probe_directory(directory) for directory in self.directories]
        try:
            found.append(_probe_directory(self.store))
        except PreflightFailed:
            if self.model() is not None and not self.installed():
                raise
            found.append(f"{self.store} (read-only: a damaged model cannot be mended)")
        return ", ".join(found)

    def _disk(self) -> str:
        data = self.directories[0] if self.directories else self.store
        told = [_require_free(data, self.room.for_data)]
        model = self.model()
        if model is not None and not self.installed():
            told.append(_require_free(self.store, self.room.beside_models + model.total_bytes))
        return "; ".join(told)

    def _memory(self) -> str:
        model = self.model()
        needed = (model.memory_bytes * self.workers if model else 0) + _OVERHEAD_BYTES
        available = available_memory()
        if available is None:
            return f"{_mb(needed)} needed; this system does not say how much is available"
        if available < needed:
            why = f"{_mb(available)} available, {_mb(needed)} needed{f' for {model.name}' if model else ''}"
            advice = "Close other programs, serve a smaller model (CARE_VOICE_MODEL), or add memory."
            raise PreflightFailed(name="memory", why=why, advice=advice)
        return f"{_mb(available)} available, {_mb(needed)} needed"


def _require_free(place: Path, needed: int) -> str:
    free = free_bytes(place)
    if free < needed:
        why = f"{_mb(free)} free in {place}, {_mb(needed)} needed"
        raise PreflightFailed(name="disk", why=why, advice="Free some space, or set CARE_VOICE_DATA_DIR.")
    return f"{_mb(free)} free in {place}, {_mb(needed)} needed"


def _probe_directory(directory: Path) -> str:
    """Create it for this user alone, and write and sync a file in it. Returns what to show."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".probe-") as file:
            file.write(b"care-voice")
            file.flush()
            os.fsync(file.fileno())
        mode = directory.stat().st_mode
    except OSError as error:
        why = f"{directory} cannot be written: {error.strerror}"
        advice = "Give the service's user write access to it, or set CARE_VOICE_DATA_DIR."
        raise PreflightFailed(name="directories", why=why, advice=advice) from error
    return f"{directory}{' (anyone on this machine may write there)' if mode & stat.S_IWOTH else ''}"


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
