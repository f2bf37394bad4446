"""Is there room for another worker? Asked before each start: a refusal is clear, and an out-of-memory kill is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from care_voice.domain.service_errors import NotEnoughMemory


def available_memory() -> int | None:
    """Bytes that this process may still take: the machine's, or its control group's where that is less."""
    known = [value for value in (_machine_memory(), _cgroup_memory()) if value is not None]
    return min(known) if known else None


class MemoryGate:
    """Lets workers start while there is room; what is promised to workers that still load counts as taken."""

    def __init__(self, available: Callable[[], int | None] = available_memory) -> None:
        self._available = available
        self._promised = 0

    def has_room(self, needed_bytes: int) -> bool:
        """Whether so much could be taken now; true where the system does not say."""
        free = self._available()
        return free is None or needed_bytes + self._promised <= free

    @contextmanager
    def promised(self, name: str, needed_bytes: int) -> Iterator[None]:
        """Hold room for a worker while it loads.

        Raises:
            NotEnoughMemory: There is none.
        """
        if not self.has_room(needed_bytes):
            raise NotEnoughMemory(name=name, needed=_mb(needed_bytes), free=_mb(self._available() or 0))
        self._promised += needed_bytes
        try:
            yield
        finally:
            self._promised -= needed_bytes


def _machine_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _reclaimable(root: Path) -> int:
    try:
        lines = (root / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def _cgroup_memory(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Version 2 of control groups, as in every container since 2021. Files that were read and are not in use are given
    back when memory is asked for, and count as free."""
    try:
        limit = (root / "memory.max").read_text(encoding="ascii").strip()
        used = int((root / "memory.current").read_text(encoding="ascii"))
        return None if limit == "max" else max(0, int(limit) - max(0, used - _reclaimable(root)))
    except (OSError, ValueError):
        return None


def _mb(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
