"""A file on its way in: its bytes at their final positions, and a journal of which of them are there.

Both survive a kill at any moment. Bytes are written before the journal says so; what was written last and not yet noted
is fetched again, at most a chunk for each connection. A power cut can lose bytes that the journal has: the digest finds
that, and the file is fetched anew.
"""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from care_voice.models.files import remove_entry
from care_voice.models.intervals import Intervals, Span

_RECORD = struct.Struct("<QQ")
_BLOCK_BYTES = 512
_CANNOT_ALLOCATE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)
_FLAGS = os.O_CREAT | os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Partial:
    """Open for one transfer; several threads may write at a time."""

    def __init__(self, path: Path, size: int, file: int, journal: int, have: Intervals) -> None:
        self.path = path
        self.size = size
        self._have = have
        self.resumed = have.covered > 0
        """Whether bytes of an earlier process are in it, whose source is not known."""
        self._file = file
        self._journal = journal
        self._lock = threading.Lock()

    def write(self, position: int, chunk: bytes) -> None:
        """Put bytes at their position. Raises OSError."""
        view = memoryview(chunk)
        written = 0
        while written < len(view):
            written += os.pwrite(self._file, view[written:], position + written)
        with self._lock:
            self._note(_RECORD.pack(position, len(chunk)))
            self._have.add(position, position + len(chunk))

    def _note(self, record: bytes) -> None:
        """Append to the journal. A full disk can take a part of a record: all that follow would be read wrongly."""
        end = os.fstat(self._journal).st_size
        try:
            if os.write(self._journal, record) != len(record):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self._journal, end)
            raise

    def missing(self) -> list[Span]:
        """What is not there yet, in order."""
        with self._lock:
            return self._have.missing(self.size)

    @property
    def covered(self) -> int:
        """How many bytes are there."""
        with self._lock:
            return self._have.covered

    def start_over(self) -> None:
        """Forget all bytes, since they are not what they should be."""
        with self._lock:
            os.ftruncate(self._journal, 0)
            self._have = Intervals()
            self.resumed = False

    def sync(self) -> None:
        """Make the bytes survive a power cut."""
        os.fsync(self._file)


@contextmanager
def open_partial(path: Path, size: int) -> Iterator[Partial]:
    """Open `path` with its journal beside it, going on where an earlier process stopped. Raises OSError."""
    journal_path = _journal_of(path)
    fresh = not path.is_file() or not journal_path.is_file()
    if fresh:
        discard_partial(path)
    file = os.open(path, _FLAGS, 0o600)
    try:
        journal = os.open(journal_path, _FLAGS | os.O_APPEND, 0o600)
        try:
            _allocate(file, size)
            yield Partial(path, size, file, journal, _read_journal(journal, size))
        finally:
            os.close(journal)
    finally:
        os.close(file)


def discard_partial(path: Path) -> None:
    """Remove a partial file and its journal."""
    remove_entry(path)
    remove_entry(_journal_of(path))


def covered_bytes(path: Path, size: int) -> int:
    """How many of a partial file's bytes are there."""
    try:
        with _journal_of(path).open("rb") as journal:
            return _read_journal(journal.fileno(), size).covered if path.is_file() else 0
    except OSError:
        return 0


def claimed_bytes(path: Path, size: int) -> int:
    """How much of a partial file's space is taken already, so that a disk need not have it free once more."""
    try:
        return min(size, path.stat().st_blocks * _BLOCK_BYTES)
    except (OSError, AttributeError):
        return 0


def _allocate(file: int, size: int) -> None:
    """Claim the space now: a disk that is too small says so before anything is fetched."""
    if os.fstat(file).st_size > size:
        os.ftruncate(file, size)
    try:
        os.posix_fallocate(file, 0, size)
    except AttributeError:
        os.ftruncate(file, size)
    except OSError as error:
        # Some C libraries leave it at that where the file system cannot do it.
        if error.errno not in _CANNOT_ALLOCATE:
            raise
        os.ftruncate(file, size)


def _read_journal(journal: int, size: int) -> Intervals:
    """What the journal says; a record that was cut off at the end, or that makes no sense, is not believed."""
    raw = os.pread(journal, os.fstat(journal).st_size, 0)
    whole = len(raw) - len(raw) % _RECORD.size
    if whole < len(raw):
        with suppress(OSError):
            os.ftruncate(journal, whole)
    records = _RECORD.iter_unpack(raw[:whole])
    return Intervals((start, start + count) for start, count in records if start + count <= size)


def _journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.journal")
