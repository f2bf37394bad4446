"""File operations that are safe against a crash at any moment, and the one place that maps OSError."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from care_voice.domain.model_errors import DiskFull, StoreUnwritable
from care_voice.models.report import FileIdentity

_HASH_CHUNK_BYTES = 4 * 1024 * 1024
"""Each chunk takes the interpreter's lock twice, and waits for it where another thread computes or imports."""
_READ_ONLY = 0o444


@contextmanager
def mapped_errors(path: Path, needed_bytes: int = 0) -> Iterator[None]:
    """Turn what the operating system refuses into DiskFull or StoreUnwritable."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(path=path, needed_bytes=needed_bytes, free_bytes=free_bytes(path)) from error
        raise StoreUnwritable(path=path, why=error.strerror or str(error)) from error


def free_bytes(path: Path) -> int:
    """Bytes that this process may still write below `path`, which need not exist yet."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def hash_file(path: Path, on_bytes: Callable[[int], None]) -> tuple[FileIdentity, str]:
    """Return a file's identity and SHA-256; `on_bytes` gets the bytes done so far. Raises OSError.

    The identity is taken first: a write while the hash runs then shows as a changed identity later.
    """
    digest, buffer, done = hashlib.sha256(), bytearray(_HASH_CHUNK_BYTES), 0
    with path.open("rb", buffering=0) as file:
        identity = FileIdentity.of(os.fstat(file.fileno()))
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
            done += count
            on_bytes(done)
    return identity, digest.hexdigest()


def sync_directory(path: Path) -> None:
    """Make renames inside `path` survive a power cut; a no-op where directories cannot be opened (Windows)."""
    with suppress(PermissionError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def create_private(directory: Path) -> tuple[int, Path]:
    """Create a file that only this user can read, under a random name. Returns its descriptor and path."""
    path = directory / uuid4().hex
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600), path


def replace_durably(temporary: Path, final: Path) -> None:
    """Give a finished file its final name: read-only, whole or not at all, and there after a power cut."""
    temporary.chmod(_READ_ONLY)
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(final)
    sync_directory(final.parent)


def write_durably(final: Path, content: bytes, incoming: Path) -> None:
    """Write a small file atomically, by way of the directory `incoming` on the same file system."""
    handle, temporary = create_private(incoming)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    replace_durably(temporary, final)


def write_whole(path: Path, content: bytes, incoming: Path) -> None:
    """Give a small file its new content, whole or not at all, whatever had its name before. `incoming` is made."""
    incoming.mkdir(mode=0o700, parents=True, exist_ok=True)
    clear_directory_at(path)
    write_durably(path, content, incoming)


def clear_directory_at(path: Path) -> None:
    """A rename cannot replace a directory, and one may have been put where a file belongs."""
    if path.is_dir() and not path.is_symlink():
        remove_entry(path)


def link_or_copy(blob: Path, final: Path, incoming: Path) -> None:
    """Make `final` the blob's content: the same inode where the file system has hard links, otherwise a copy."""
    temporary = incoming / uuid4().hex
    try:
        os.link(blob, temporary)
    except OSError:
        shutil.copyfile(blob, temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
    replace_durably(temporary, final)
    # A rename between two links of one inode does nothing at all, by POSIX, and leaves the first name behind.
    temporary.unlink(missing_ok=True)


def remove_entry(path: Path) -> None:
    """Remove whatever has this name."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
