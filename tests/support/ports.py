"""Ports for servers that a test starts in another process.

A port of the kernel's choice may be given to somebody else before that server has it: to another worker of pytest, or
to any connection. These lie below the range that the kernel chooses from, in blocks that belong to one process each.
"""

from __future__ import annotations

import itertools
import os
import socket
import tempfile
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

FIRST, BLOCKS, BLOCK = 12_000, 200, 100


def free_port() -> int:
    """A port that nobody listens on now, and that no other process of tests on this machine is given."""
    _, ports = _own_block()
    return next(port for port in ports if _is_free(port))


@cache
def _own_block() -> tuple[FileLock, itertools.cycle[int]]:
    """A block of ports. It is this process's while the lock lives, which is until the process ends."""
    folder = Path(tempfile.gettempdir()) / f"care-voice-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    for number in range(BLOCKS):
        lock = FileLock(folder / f"{number}.lock", preserve_lock_file=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        first = FIRST + number * BLOCK
        return lock, itertools.cycle(range(first, first + BLOCK))
    raise AssertionError(f"all {BLOCKS} blocks of ports are taken, see {folder}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
