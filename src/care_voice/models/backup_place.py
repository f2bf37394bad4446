"""A backup in a directory: what it holds and where.

<directory>/
    backup.json, backup.copy.json     the index, twice; the only thing that changes, and it changes at once
    blobs/sha256/<digest>[.age]       files, named by the SHA-256 of their own bytes: no key is needed to check them
    incoming/                         bytes that have no name yet
    backup.lock                       held while a backup is written
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import structlog
from filelock import FileLock

from care_voice.domain.model_errors import BundleInvalid, TargetUnwritable
from care_voice.models.bundle import decode_stranger
from care_voice.models.catalogue import CatalogueModel, FileEntry, Sha256
from care_voice.models.encryption import SUFFIX
from care_voice.models.files import remove_entry
from care_voice.models.landing import Landing, hash_from_disk, landing, target_errors
from care_voice.models.manifest import Manifest
from care_voice.models.pins import Pin
from care_voice.models.progress import Watch
from care_voice.models.sealed import encode_sealed
from care_voice.models.staging import try_lock

log = structlog.get_logger(__name__)

FORMAT = "care-voice-backup/1"
OWN_MODELS = "models.toml"
"""What messages call the file with the operator's own models."""

_INDEX, _COPY = "backup.json", "backup.copy.json"
_LOCK = "backup.lock"
_INDEX_LIMIT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class StoredFile:
    """How a file lies in a backup: digest and size in bytes of what is stored, and to whom it is encrypted."""

    sha256: Sha256
    size: int
    recipients: tuple[str, ...]
    """Public keys, sorted; empty where it is not encrypted."""


@dataclass(frozen=True)
class BackedUpModel:
    """A model with all its records; the files themselves are found by digest."""

    model: CatalogueModel
    manifest: Manifest
    pin: Pin | None
    signature: FileEntry | None

    @property
    def entries(self) -> tuple[FileEntry, ...]:
        """Its files, and its signature where it has one."""
        return (*self.model.files, *([self.signature] if self.signature else []))


@dataclass(frozen=True)
class BackupIndex:
    """What a backup holds. `created_at` is in UTC, ISO 8601; `tool` is the version of Care Voice that wrote it."""

    format: str
    tool: str
    created_at: str
    models: tuple[BackedUpModel, ...]
    files: dict[Sha256, StoredFile]
    """By the digest of their content."""
    own_models: FileEntry | None
    """The operator's file with own models (models.toml), where there was one."""


class BackupPlace:
    """The directory of a backup."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path_of(self, stored: StoredFile) -> Path:
        return self._blobs / f"{stored.sha256}{SUFFIX if stored.recipients else ''}"

    @property
    def _blobs(self) -> Path:
        return self.directory / "blobs" / "sha256"

    def read_index(self) -> BackupIndex | None:
        """The index, or its copy where it is damaged; None where there is no backup. Raises BundleInvalid."""
        faults = []
        for name in (_INDEX, _COPY):
            try:
                return _read(self.directory / name)
            except FileNotFoundError:
                continue
            except OSError as error:
                faults.append(f"{name} cannot be read ({error.strerror})")
            except ValueError as error:
                faults.append(f"{name}: {error}")
            log.warning("backup_index_damaged", path=str(self.directory / name), why=faults[-1])
        if faults:
            raise BundleInvalid(path=self.directory, why="; ".join(faults))
        return None

    def write_index(self, index: BackupIndex) -> None:
        """Replace the index: from here on the backup holds what it says. Raises DiskFull, TargetUnwritable."""
        for name in (_INDEX, _COPY):
            with self.arriving() as place:
                place.write(encode_sealed(index))
                place.keep(self.directory / name, lambda _: None)

    def is_whole(self, stored: StoredFile, watch: Watch) -> bool:
        """Whether the disk has a file as it was stored. Raises PullCancelled."""
        path = self.path_of(stored)
        try:
            return path.stat().st_size == stored.size and stored.sha256 == hash_from_disk(
                path, lambda done: watch.report("verifying", path.name, done, stored.size)
            )
        except OSError:
            return False

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the backup's lock, with room for bytes that arrive. Raises TargetUnwritable."""
        blobs, incoming = self._blobs, self.directory / "incoming"
        if blobs.exists() and not any((self.directory / name).exists() for name in (_LOCK, _INDEX, _COPY)):
            raise TargetUnwritable(path=self.directory, why="it holds something else, a model store perhaps")
        lock = FileLock(self.directory / _LOCK, preserve_lock_file=True)
        with target_errors(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            if not try_lock(lock):
                raise TargetUnwritable(path=self.directory, why="another process is writing a backup to it")
        try:
            with target_errors(self.directory):
                remove_entry(incoming)
                incoming.mkdir()
                blobs.mkdir(parents=True, exist_ok=True)
            yield
        finally:
            with suppress(OSError):
                incoming.rmdir()
            lock.release()

    @contextmanager
    def arriving(self) -> Iterator[Landing]:
        """Write a file that has no name yet; the backup is held open."""
        with landing(self.directory / "incoming" / uuid4().hex) as place:
            yield place

    def drop_unneeded(self, index: BackupIndex) -> int:
        """Delete the files that the index does not need. Returns the bytes that were freed. Raises TargetUnwritable."""
        needed, freed = {self.path_of(stored) for stored in index.files.values()}, 0
        with target_errors(self._blobs):
            for path in self._blobs.iterdir():
                if path not in needed:
                    freed += path.stat().st_size
                    remove_entry(path)
        return freed


def _read(path: Path) -> BackupIndex:
    """Raises OSError, and ValueError saying what is wrong."""
    with path.open("rb") as file:
        raw = file.read(_INDEX_LIMIT_BYTES + 1)
    if len(raw) > _INDEX_LIMIT_BYTES:
        raise ValueError(f"it has more than {_INDEX_LIMIT_BYTES} bytes")
    index = decode_stranger(raw, BackupIndex, FORMAT)
    names = [each.model.name for each in index.models]
    if len(set(names)) < len(names):
        raise ValueError("it holds two models of one name")
    return index
