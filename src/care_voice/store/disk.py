"""What the operating system does to files, one method an operation: a test counts them, and takes the power away.

Directories are 0700 and files 0600. Every method raises OSError.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_SYNC_FILE_RANGE_WRITE = 2


@cache
def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    """Linux's own call, which Python does not have."""
    if sys.platform != "linux":
        return None
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return function


class Disk:
    """The real thing."""

    def create(self, path: Path) -> int:
        """A new file, open for writing; its descriptor. Raises FileExistsError."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o600)

    def write(self, descriptor: int, data: memoryview, offset: int) -> int:
        """Write at `offset`; how many bytes were written, at least one."""
        return os.pwrite(descriptor, data, offset)

    def begin_to_sync(self, descriptor: int, offset: int, length: int) -> None:
        """Let the disk begin with bytes that will be synced later, so that it works meanwhile. It promises nothing, and
        where it cannot be done it is not."""
        if start := _sync_file_range():
            start(descriptor, offset, length, _SYNC_FILE_RANGE_WRITE)

    def truncate(self, descriptor: int, length: int) -> None:
        os.ftruncate(descriptor, length)

    def sync(self, descriptor: int) -> None:
        """Make the bytes of a file, and its length, survive a power cut."""
        # Where there is fdatasync, it leaves out only what nobody needs in order to read the bytes back.
        getattr(os, "fdatasync", os.fsync)(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def make_directory(self, path: Path) -> None:
        path.mkdir(mode=0o700)

    def sync_directory(self, path: Path) -> None:
        """Make the names in a directory survive a power cut; nothing where it cannot be opened (Windows)."""
        if os.name == "nt":
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def link(self, existing: Path, new: Path) -> None:
        new.hardlink_to(existing)

    def replace(self, temporary: Path, final: Path) -> None:
        temporary.replace(final)

    def unlink(self, path: Path) -> None:
        path.unlink()

    def remove_directory(self, path: Path) -> None:
        """Raises OSError unless it is empty."""
        path.rmdir()
