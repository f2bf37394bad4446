"""The process of HAProxy: a master that answers on a socket of its own and starts a worker for each configuration."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from care_voice.domain.deploy_errors import EntranceFailed
from care_voice.ops.entrance.socket import NoAnswer, ask
from care_voice.ops.logs import trim_log

_POLL_S = 0.02
_TELLING_BYTES = 4000
_CHECK_S = 30.0
_SETTLING_S = 5.0


class Haproxy:
    """Whether it runs is asked on its socket: a pid that was written down may be another program's by now."""

    def __init__(self, program: str, run_dir: Path, sockets: Path) -> None:
        self._program = program
        self.config = run_dir / "haproxy.cfg"
        self._pid_path = run_dir / "haproxy.pid"
        self._log = run_dir / "haproxy.log"
        self._socket = sockets / "master.sock"
        self._child = 0
        self._said_before = 0

    @property
    def pid(self) -> int | None:
        """Of the master that answers; None when there is none."""
        return next(iter(self._processes("master")), None)

    def settled(self) -> int | None:
        """The pid, also where the master is about to begin or to reload, when it does not answer for a moment."""
        deadline = time.monotonic() + _SETTLING_S
        while (pid := self.pid) is None and self._on_file() is not None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
        return pid

    def check(self, config: Path) -> None:
        """Raises EntranceFailed, with what HAProxy says, where it would not run with this file."""
        program = shutil.which(self._program)
        if program is None:
            advice = (
                "Install HAProxy (apt-get install haproxy), or set CARE_VOICE_ENTRANCE__HAPROXY or __ENABLED=false."
            )
            raise EntranceFailed(why=f"the program '{self._program}' is missing", advice=advice)
        command = [program, "-c", "-f", str(config)]
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=_CHECK_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise EntranceFailed(why=f"it does not check {config} in time", advice="It is tried again.") from error
        if found.returncode != 0:
            raise EntranceFailed(why=_alerts(found.stderr), advice=f"See the settings of ENTRANCE and {config}.")

    def start(self) -> None:
        """In a session of its own, so that it lives on without whoever started it. What hangs is ended first."""
        self._end_hung()
        self._said_before = self._log_bytes()
        command = [self._program, "-W", "-S", str(self._socket), "-f", str(self.config), "-p", str(self._pid_path)]
        streams = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        # Not a Popen, which takes one that lives on without it for a mistake.
        self._child = os.posix_spawnp(command[0], command, os.environ, file_actions=streams, setsid=True)

    def end_workers(self) -> None:
        """Of one that hangs, at once. The master ends with them."""
        for pid in self._processes("worker"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _processes(self, kind: str) -> list[int]:
        """Pids of what the master knows as its `master` or `worker`; none where it does not answer."""
        with suppress(NoAnswer):
            rows = [line.split() for line in ask(self._socket, "show proc").splitlines()]
            return [int(row[0]) for row in rows if row[1:2] == [kind]]
        return []

    def trim_log(self) -> None:
        """Begin the log anew when it is large. HAProxy goes on in the same file."""
        trim_log(self._log)

    def reload(self, pid: int) -> None:
        """Take the file anew; connections and what is under way are kept."""
        self._said_before = self._log_bytes()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR2)

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it holds in time; at once False when the process that was started here has ended."""
        deadline = time.monotonic() + timeout_s
        while not (condition() and self.pid):
            if time.monotonic() > deadline or self._has_ended():
                return False
            time.sleep(_POLL_S)
        return True

    def said(self) -> str:
        """What it has complained of since it was started or reloaded here."""
        with suppress(OSError), self._log.open("rb") as log:
            log.seek(max(self._said_before, self._log_bytes() - _TELLING_BYTES))
            return _alerts(log.read().decode(errors="replace"))
        return "it says nothing"

    def stop(self, pid: int, timeout_s: float) -> bool:
        """Close the port, and end with the last request, which is cut off after the time; whether it was in time."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1)
        if self._gone(pid, timeout_s):
            return True
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        self._gone(pid, _CHECK_S)
        return False

    def _log_bytes(self) -> int:
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def _gone(self, pid: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while self._is_ours(pid):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def _end_hung(self) -> None:
        """A master that does not answer but still holds the port: its workers end with it."""
        pid = self._on_file()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            self._gone(pid, _CHECK_S)

    def _on_file(self) -> int | None:
        """The pid that was written down, where that process is ours."""
        try:
            pid = int(self._pid_path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return pid if self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        """By its command line, which is empty once it has ended."""
        self._has_ended()
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return os.fsencode(self.config) in command.split(b"\0")

    def _has_ended(self) -> bool:
        """Whether the process that was started here has ended just now; else it would stay behind as a zombie."""
        if not self._child:
            return False
        try:
            ended, _ = os.waitpid(self._child, os.WNOHANG)
        except ChildProcessError:
            ended = self._child
        self._child = self._child if not ended else 0
        return bool(ended)


def _alerts(output: str) -> str:
    """The complaints without their decoration."""
    lines = [line.split(" : ", 1)[-1].strip() for line in output.splitlines() if "[ALERT]" in line]
    return "; ".join(dict.fromkeys(lines[:3])) or output.strip()[-300:] or "it says nothing"
