"""Worker processes are started here. `serve` starts its first ones before it imports anything else.

So this module imports as little as it can: dataclasses, typing and contextlib would be 10 ms.
"""

from __future__ import annotations

import socket
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from care_voice.engine.protocol import WorkerRole

WORKER_MODULE = "care_voice.engine.worker"


class Spawned:
    """A process that imports its libraries and waits to be told what to load; `sock` is the parent's end."""

    def __init__(self, process: subprocess.Popen[bytes], sock: socket.socket) -> None:
        self.process = process
        self.sock = sock

    def end(self) -> None:
        """Kill and reap it."""
        self.sock.close()
        self.process.kill()
        self.process.wait()


def spawn(role: WorkerRole) -> Spawned:
    """Start a worker. Call it in a thread that lives as long as the worker shall: the kernel ends both together.

    Raises:
        OSError: The system does not let it.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", WORKER_MODULE, "--role", role, "--fd", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    return Spawned(process, ours)


class HeadStart:
    """One worker of each role, started before it is known what they shall load; `spawn` gives each away once."""

    def __init__(self) -> None:
        self._waiting: dict[WorkerRole, Spawned] = {}

    def begin(self) -> None:
        """Start them. What fails is tried again when the worker is needed, where its error is handled."""
        roles: tuple[WorkerRole, ...] = ("engine", "media")
        for role in roles:
            try:
                self._waiting[role] = spawn(role)
            except OSError:
                return

    def spawn(self, role: WorkerRole) -> Spawned:
        """A worker that was started ahead, else a new one. Raises OSError."""
        return self._waiting.pop(role, None) or spawn(role)

    def end(self, role: WorkerRole) -> None:
        """End one that nobody will need."""
        if role in self._waiting:
            self._waiting.pop(role).end()

    def close(self) -> None:
        """End those that nobody needed."""
        while self._waiting:
            self._waiting.popitem()[1].end()
