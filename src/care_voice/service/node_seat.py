"""This process's place among those that work on one database, and which of its neighbours have ended.

Each holds a lock on a file of its own; the kernel lets go of it when the process ends, however it ends. So what a
killed service had in hand is taken up as soon as it is started again, and not when its leases have expired.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import care_voice
from care_voice.domain.ids import is_id
from care_voice.store.nodes import Node

_BEING_MADE = ".new"


class NodeSeat:
    """`directory` is of this machine and of services that work on one database. Calls block for a moment."""

    def __init__(self, directory: Path, node_id: str) -> None:
        self._directory = directory
        self._file: int | None = None
        self.node = Node(node_id, socket.gethostname(), os.getpid(), care_voice.__version__)

    def gone(self) -> list[str]:
        """Nodes that had a seat here and have ended. The own seat is taken at the first call. Raises OSError."""
        if self._file is None:
            self._file = self._take()
        names = [path.name for path in self._directory.iterdir() if is_id("node", path.name)]
        return sorted(name for name in names if name != self.node.id and self._is_free(name))

    def bury(self, node_ids: Sequence[str]) -> None:
        """Remove the seats of nodes that are gone, once what they had in hand was taken back."""
        for node_id in node_ids:
            (self._directory / node_id).unlink(missing_ok=True)

    def leave(self) -> None:
        """Give the own seat up."""
        if self._file is not None:
            (self._directory / self.node.id).unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _take(self) -> int:
        """The file gets its name when it is locked: nobody must find it free before."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = self._directory / f"{self.node.id}{_BEING_MADE}"
        descriptor = os.open(made, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            made.rename(self._directory / self.node.id)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def _is_free(self, name: str) -> bool:
        with suppress(FileNotFoundError):
            descriptor = os.open(self._directory / name, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            finally:
                os.close(descriptor)
            return True
        return False
