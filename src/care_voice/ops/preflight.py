"""Pre-flight checks: can this machine do what the settings ask of it? Each says what it found, or what to do."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from care_voice.domain.errors import PreflightFailed
from care_voice.models.catalogue import CatalogueModel
from care_voice.service.lifecycle import Check
from care_voice.supervisor.memory import available_memory

_RESERVE_BYTES = 512 * 1024**2
"""Left free for uploads and logs."""

_OVERHEAD_BYTES = 400 * 1024**2
"""The parent process and the first media worker, measured at about 190 MB together, with room for a second one."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the checks need to know; `model` gives None where a server elsewhere holds it."""

    model: Callable[[], CatalogueModel | None]
    workers: int
    directories: tuple[Path, ...]
    store: Path
    installed: Callable[[], bool]

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
        for directory in self.directories:
            _probe_directory(directory)
        return ", ".join(str(directory) for directory in self.directories)

    def _disk(self) -> str:
        free = shutil.disk_usage(self.store).free
        model = self.model()
        needed = _RESERVE_BYTES + (0 if model is None or self.installed() else model.total_bytes)
        if free < needed:
            why = f"{_mb(free)} free in {self.store}, {_mb(needed)} needed"
            raise PreflightFailed(name="disk", why=why, advice="Free some space, or set CARE_VOICE_DATA_DIR.")
        return f"{_mb(free)} free, {_mb(needed)} needed"

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


def _probe_directory(directory: Path) -> None:
    """Create it for this user alone, and write and sync a file in it."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".probe-") as file:
            file.write(b"care-voice")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        why = f"{directory} cannot be written: {error.strerror}"
        advice = "Give the service's user write access to it, or set CARE_VOICE_DATA_DIR."
        raise PreflightFailed(name="directories", why=why, advice=advice) from error


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
