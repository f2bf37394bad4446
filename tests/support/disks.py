"""Disks that are full, small, or that fail at any moment."""

from __future__ import annotations

import errno
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from care_voice.store import disk as store_disk

MIB = 1024 * 1024
PAGE = 4096


class FailingDisk(store_disk.Disk):
    """A disk on which the operation number `at` fails, and in the end none."""

    def __init__(self, at: int, number: int) -> None:
        self.at = at
        self.done = 0
        self.failed = ""
        self._number = number

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in vars(store_disk.Disk) or name.startswith("_"):
            return found
        self.done += 1
        if self.done - 1 != self.at:
            return found
        self.failed = name
        return self._fail

    def sync(self, descriptor: int) -> None:
        """Nothing: the power stays on, and it takes long."""

    def sync_directory(self, path: Path) -> None:
        """As `sync`."""

    def _fail(self, *_: object) -> NoReturn:
        raise OSError(self._number, os.strerror(self._number))


class Disk:
    """A file system of its own, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.path)], check=True, capture_output=True)

    def fill(self) -> None:
        """Take every byte that is free."""
        with (self.path / "filler").open("ab", buffering=0) as file:
            for piece in (MIB, PAGE):
                while takes(file, bytes(piece)):
                    pass

    def leave(self, pages: int) -> None:
        """Take every byte that is free, but for so many pages."""
        self.fill()
        filler = self.path / "filler"
        os.truncate(filler, filler.stat().st_size - pages * PAGE)

    def free(self) -> None:
        (self.path / "filler").unlink()


def takes(file: io.RawIOBase, content: bytes) -> bool:
    """Whether there was room for some of it."""
    try:
        return bool(file.write(content))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        return False


@pytest.fixture
def make_disk(tmp_path: Path) -> Iterator[Callable[[int], Disk]]:
    """Makes a disk of so many MiB. Only root may, and not in every container."""
    path = tmp_path / "disk"
    path.mkdir()

    def make(size_mib: int) -> Disk:
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small file system")
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "tmpfs", str(path)], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip(f"mount refuses: {mounted.stderr.decode().strip()}")
        return Disk(path)

    yield make
    if path.is_mount():
        subprocess.run(["umount", str(path)], check=True)
