"""Files outside the store, which get their names once the disk has them: written, synced, read back and compared."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from care_voice.domain.model_errors import DiskFull, TargetUnwritable
from care_voice.models.files import free_bytes, hash_file, sync_directory


@contextmanager
def target_errors(path: Path, needed_bytes: int = 0) -> Iterator[None]:
    """Turn what the operating system refuses about a file outside the store into DiskFull or TargetUnwritable."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(path=path.parent, needed_bytes=needed_bytes, free_bytes=free_bytes(path)) from error
        raise TargetUnwritable(path=path, why=error.strerror or str(error)) from error


def require_space(directory: Path, needed_bytes: int) -> None:
    """Raise DiskFull when a directory, which need not exist yet, cannot take this much."""
    if (free := free_bytes(directory)) < needed_bytes:
        raise DiskFull(path=directory, needed_bytes=needed_bytes, free_bytes=free)


class Landing:
    """A file on its way out, under a temporary name, hashed as it is written. Raises DiskFull, TargetUnwritable."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self._path = path
        self._file = file
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of what was written so far."""
        return self._digest.hexdigest()

    def write(self, chunk: bytes) -> int:
        left = memoryview(chunk)
        with target_errors(self._path):
            while left:
                left = left[self._file.write(left) :]
        self._digest.update(chunk)
        self.size += len(chunk)
        return len(chunk)

    def flush(self) -> None:
        """Nothing waits here: `keep` brings all of it to the disk."""

    def keep(self, final: Path, on_bytes: Callable[[int], None]) -> None:
        """Give the file its name if the disk gives back what was written; `on_bytes` gets the bytes read back so far.

        What had the name before is replaced whole, or stays.
        """
        with target_errors(final):
            os.fsync(self._file.fileno())
            if hash_from_disk(self._path, on_bytes) != self.sha256:
                raise TargetUnwritable(path=final, why="the disk does not give back what was written to it")
            self._path.replace(final)
        with suppress(OSError):
            # Some file systems on the network and on sticks cannot sync a directory; the file itself is on the disk.
            sync_directory(final.parent)


@contextmanager
def landing(path: Path) -> Iterator[Landing]:
    """Write a file under the temporary name `path`; unless it is kept, nothing of it stays."""
    with target_errors(path):
        # Without a buffer, closing has nothing left to fail at.
        file = path.open("wb", buffering=0)
    try:
        with file:
            yield Landing(path, file)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def hash_from_disk(path: Path, on_bytes: Callable[[int], None]) -> str:
    """The SHA-256 of what the disk has, not of what memory still holds of it. Raises OSError.

    Where the system cannot be asked to forget its copy (no posix_fadvise), or does not, memory is what is read.
    """
    if hasattr(os, "posix_fadvise"):
        with path.open("rb") as file, suppress(OSError):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return hash_file(path, on_bytes)[1]
