"""What a store takes on disk, and what of it nobody needs."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from care_voice.models.files import free_bytes, mapped_errors, remove_entry
from care_voice.models.staging import try_lock
from care_voice.models.store import ModelStore

log = structlog.get_logger(__name__)

KEEP_INCOMING_S = 7 * 24 * 3600.0
"""An interrupted pull can be gone on with for this long before its bytes count as left over, in seconds."""

_MOMENTS_S = 3600.0


@dataclass(frozen=True)
class ModelUsage:
    """Bytes of one model: its own, and those that it shares with another one."""

    name: str
    own_bytes: int
    shared_bytes: int


@dataclass(frozen=True)
class Usage:
    """All sizes in bytes. `copies_bytes` is what views take where the file system has no hard links."""

    models: tuple[ModelUsage, ...]
    blobs_bytes: int
    copies_bytes: int
    incoming_bytes: int
    reclaimable_bytes: int
    """What `collect` would free now."""
    free_bytes: int


def usage(store: ModelStore, *, keep_incoming_s: float = KEEP_INCOMING_S) -> Usage:
    """Measure the store. Reads no content."""
    blobs = {path.name: stat.st_size for path, stat in _files(store.directory / "blobs" / "sha256")}
    needs = {name: store.digests_of(name) & blobs.keys() for name in store.manifest_names()}
    waste = [_size(path) for path in _waste(store, keep_incoming_s)]
    return Usage(
        models=tuple(_model_usage(name, needs, blobs) for name in needs),
        blobs_bytes=sum(blobs.values()),
        copies_bytes=sum(stat.st_size for _, stat in _files(store.directory / "views") if stat.st_nlink == 1),
        incoming_bytes=_size(store.incoming),
        reclaimable_bytes=sum(waste),
        free_bytes=free_bytes(store.directory),
    )


def collect(store: ModelStore, *, keep_incoming_s: float = KEEP_INCOMING_S) -> int:
    """Delete blobs and views that no manifest names, and what pulls left that were not gone on with. Returns the bytes
    that were freed. Raises StoreUnwritable.

    Pulls may run meanwhile: what they hold is left alone.
    """
    freed = 0
    with mapped_errors(store.directory), store.ownership_lock():
        for path in list(_waste(store, keep_incoming_s)):
            size = _size(path)
            if _remove(store, path):
                freed += size
                log.info("collected", path=str(path.relative_to(store.directory)), bytes=size)
    return freed


def _remove(store: ModelStore, path: Path) -> bool:
    if path.parent != store.incoming:
        remove_entry(path)
        return True
    lock = store.lock(path.name)
    if not try_lock(lock):
        return False
    try:
        remove_entry(path)
    finally:
        lock.release()
    return True


def _waste(store: ModelStore, keep_incoming_s: float) -> Iterator[Path]:
    names = set(store.manifest_names())
    needed = {digest for name in names for digest in store.digests_of(name)}
    fetching = _being_pulled(store)
    yield from (
        path for path in _entries(store.directory / "blobs" / "sha256") if path.name not in needed and not fetching
    )
    yield from (path for path in _entries(store.directory / "views") if path.name not in names | fetching)
    yield from (path for folder in ("signatures", "records") for path in _broken_off(store.directory / folder))
    oldest = time.time() - keep_incoming_s
    yield from (path for path in _entries(store.incoming) if path.name not in fetching and _newest(path) <= oldest)


def _broken_off(directory: Path) -> Iterator[Path]:
    """What processes left that were killed while they wrote a small file, which takes moments."""
    oldest = time.time() - _MOMENTS_S
    return (path for path in _entries(directory) if path.name.startswith(".") and _newest(path) <= oldest)


def _being_pulled(store: ModelStore) -> set[str]:
    """Models whose lock is held: they have blobs that no manifest names yet."""
    held = set()
    for path in (store.directory / "locks").glob("*.lock"):
        lock = store.lock(path.stem)
        # Where locks cannot be taken, as on a read-only mount, nobody pulls.
        with suppress(OSError):
            if try_lock(lock):
                lock.release()
            else:
                held.add(path.stem)
    return held


def _model_usage(name: str, needs: dict[str, set[str]], blobs: dict[str, int]) -> ModelUsage:
    others = {digest for other, digests in needs.items() if other != name for digest in digests}
    own = sum(blobs[digest] for digest in needs[name] - others)
    return ModelUsage(name, own, sum(blobs[digest] for digest in needs[name] & others))


def _entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir()) if directory.is_dir() else []


def _files(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """All files below a directory, but none that is gone by the time it is looked at: pulls may run meanwhile."""
    for parent, _, names in os.walk(directory):
        for path in (Path(parent, name) for name in names):
            with suppress(OSError):
                yield path, path.lstat()


def _size(path: Path) -> int:
    """Bytes of a file, or of all files below a directory."""
    if path.is_dir() and not path.is_symlink():
        return sum(stat.st_size for _, stat in _files(path))
    with suppress(OSError):
        return path.lstat().st_size
    return 0


def _newest(path: Path) -> float:
    """When something last changed at or below a path; 0 when it is gone."""
    times = [stat.st_mtime for _, stat in _files(path)]
    with suppress(OSError):
        times.append(path.lstat().st_mtime)
    return max(times, default=0.0)
