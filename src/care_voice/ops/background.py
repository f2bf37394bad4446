"""A server in the background: its pid file, which is locked for as long as it lives, and its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from care_voice.ops.logs import trim_log

_POLL_S = 0.1
_PATIENCE_S = 1.0


def slot_dir(data_dir: Path, slot: str) -> Path:
    """Where a service keeps what another one on the same data directory must not touch; `slot` is empty for one that is
    alone."""
    return data_dir / "slots" / slot if slot else data_dir


def slot_run_dir(data_dir: Path, slot: str) -> Path:
    """Pid file and log of the service in a slot."""
    return slot_dir(data_dir, slot) / "run"


def slot_log_path(data_dir: Path, slot: str) -> Path:
    """What the service in a slot writes, where it is a process."""
    return slot_run_dir(data_dir, slot) / "server.log"


def local_address(host: str, port: int) -> str:
    """Base URL at which this machine reaches a server that listens on `host`."""
    reached = host if host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    return f"http://{f'[{reached}]' if ':' in reached else reached}:{port}"


def is_served(run_dirs: Iterable[Path]) -> bool:
    """Whether any service works on the data directory that these belong to."""
    return any(PidFile(each).running_pid() is not None for each in run_dirs if each.is_dir())


class PidFile:
    """One server for one data directory. The lock tells whether it lives; a left-over pid is never trusted."""

    def __init__(self, run_dir: Path, name: str = "server") -> None:
        run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = run_dir / f"{name}.pid"
        self._address_path = run_dir / f"{name}.address"
        self._lock = FileLock(run_dir / f"{name}.lock")
        self.log_path = run_dir / f"{name}.log"

    def acquire(self, address: str = "") -> bool:
        """Become the server of this directory, which answers at `address`; False when another one is."""
        try:
            # Whoever only looks whether it is held has it for a moment.
            self._lock.acquire(timeout=_PATIENCE_S)
        except Timeout:
            return False
        self._path.write_text(str(os.getpid()), encoding="ascii")
        self._address_path.write_text(address, encoding="ascii")
        return True

    def release(self) -> None:
        """Be the server no more."""
        self._lock.release()

    def address(self) -> str:
        """Where the server that runs answers, whatever the settings say now; empty where that is not known."""
        try:
            return self._address_path.read_text(encoding="ascii")
        except (OSError, ValueError):
            return ""

    def running_pid(self) -> int | None:
        """Pid of the server that holds the lock; None when there is none. Writes nothing: the disk may be full."""
        if not Path(self._lock.lock_file).exists():
            return None
        try:
            with self._lock.acquire(blocking=False):
                return None
        except Timeout:
            return self._read_pid()

    def spawn(self, verb: str) -> subprocess.Popen[bytes]:
        """Start `care-voice VERB` in a session of its own, with its output in the log, whose older part may be cut."""
        with suppress(OSError):  # a log that cannot be trimmed can still be written
            trim_log(self.log_path)
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "care_voice", verb],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, timeout_s: float) -> bool:
        """Ask the server to drain and end; whether it did so in time."""
        pid = self.running_pid()
        if pid is None:
            return True
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.running_pid() is None:
                return True
            time.sleep(_POLL_S)
        return False

    def _read_pid(self) -> int | None:
        try:
            return int(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
