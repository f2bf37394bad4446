"""A steward with its entrance and slots on ports of the test's own, as an operator runs them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

from care_voice.ops.deploy.rollout import Deployment
from care_voice.ops.deploy.state_file import DeployFolder
from support.faulty_release import FAULT_VARIABLE
from support.server import environment, free_port
from support.waiting import wait_until

QUICK = {
    "DEPLOY__STEPS": "20,50",
    "DEPLOY__STEP_S": "2",
    "DEPLOY__PROBE_EVERY_S": "0.2",
    "DEPLOY__LEAST_PROBES": "3",
    "DEPLOY__DRAIN_S": "20",
    "DEPLOY__HANG_S": "8",
    "DEPLOY__LATENCY_RATIO": "4",
}
"""Rollouts of seconds, on a machine that may be busy with other things."""
_READY_S = 90.0
_STOP_S = 120.0
_TESTS = Path(__file__).resolve().parents[1]
S = TypeVar("S", bound="Stewarded")


class Stewarded:
    """Everything of one data directory."""

    def __init__(
        self, data_dir: Path, model_store: Path, settings: Mapping[str, str], variables: Mapping[str, str] | None = None
    ) -> None:
        """`variables` of the environment are above the test's own."""
        self.data_dir = data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        names = ("ENTRANCE__PORT", "ENTRANCE__BLUE_PORT", "ENTRANCE__GREEN_PORT", "ENTRANCE__METRICS_PORT")
        self.ports = {name: free_port() for name in names}
        ports = {name: str(port) for name, port in self.ports.items()}
        values = {**ports, **QUICK, "ENTRANCE__ENABLED": "true", **settings}
        self.environment = environment(
            data_dir,
            model_store,
            {**(variables or {}), **{f"CARE_VOICE_{name}": value for name, value in values.items()}},
        )
        self.url = f"http://127.0.0.1:{self.ports['ENTRANCE__PORT']}"

    def run(self, *arguments: str, check: bool = True, timeout_s: float = 180.0) -> subprocess.CompletedProcess[str]:
        """`care-voice ARGUMENTS`."""
        command = [sys.executable, "-m", "care_voice", *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}\n{self.log_text()}"
        return done

    def start(self) -> None:
        self.run("start")
        wait_until(self.is_ready, "the entrance passes requests on", _READY_S)

    def is_ready(self) -> bool:
        """Whether the entrance says so."""
        return _is_ready(self.ports["ENTRANCE__PORT"])

    def answers(self, slot: str) -> bool:
        """Whether a slot itself is ready."""
        return _is_ready(self.ports[f"ENTRANCE__{slot.upper()}_PORT"])

    def deploy(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`care-voice deploy ARGUMENTS`, to its end."""
        return self.run("deploy", *arguments, check=check)

    @property
    def state(self) -> dict[str, Any]:
        """What `care-voice deploy status --json` says."""
        state: dict[str, Any] = json.loads(self.run("deploy", "status", "--json").stdout)
        return state

    @property
    def active(self) -> str:
        return self.remembered.active

    @property
    def remembered(self) -> Deployment:
        """What the steward wrote last, which the command line reads too; that takes seconds on a busy machine."""
        return DeployFolder(self.data_dir).load() or Deployment()

    def wait_phase(self, *phases: str) -> None:
        """Until the rollout is in one of these phases; read from the file, as it may be a short one."""
        path = self.data_dir / "deploy" / "state.json"

        def there() -> bool:
            with suppress(FileNotFoundError):
                return (json.loads(path.read_bytes())["rollout"] or {}).get("phase") in phases
            return False

        wait_until(there, f"the rollout is {' or '.join(phases)}", _READY_S)

    def pid(self, slot: str) -> int:
        """Of the service in a slot; 0 where that is not written, or just being written."""
        with suppress(FileNotFoundError, ValueError):
            return int((self.data_dir / "slots" / slot / "run" / "server.pid").read_text(encoding="ascii"))
        return 0

    @property
    def steward_pid(self) -> int:
        """Of the steward that holds the lock: the one process whose command says so."""
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                command = path.read_bytes().split(b"\0")
                told = f"CARE_VOICE_DATA_DIR={self.data_dir}".encode() in path.with_name("environ").read_bytes()
                if command[1:4] == [b"-m", b"care_voice", b"steward"] and told:
                    return int(path.parent.name)
        raise AssertionError("no steward runs")

    def kill(self, pid: int) -> None:
        assert pid > 0, "nothing runs that could be killed"
        os.kill(pid, signal.SIGKILL)

    def log_text(self) -> str:
        paths = [self.data_dir / "run" / "steward.log", *self.data_dir.glob("slots/*/run/server.log")]
        paths.append(self.data_dir / "entrance" / "haproxy.log")
        shown = [f"--- {path} ---\n{path.read_text(errors='replace')[-8000:]}" for path in paths if path.exists()]
        return "\n".join(shown)

    def end(self) -> None:
        """Whatever happened: nothing stays behind."""
        done = self.run("stop", check=False, timeout_s=_STOP_S)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def stewarded(data_dir: Path, model_store: Path, **settings: str) -> Iterator[Stewarded]:
    """A service behind its entrance, ready."""
    with kept_running(Stewarded(data_dir, model_store, settings)) as made:
        yield made


@contextmanager
def kept_running(made: S) -> Iterator[S]:
    """Start it, and end it in any case."""
    try:
        made.start()
        yield made
    except BaseException:
        print(made.log_text())
        raise
    finally:
        made.end()


def _is_ready(port: int) -> bool:
    try:
        # It is asked many times a second, and to read all authorities takes 24 ms: there is no TLS to verify.
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", verify=False).status_code == 200
    except httpx.TransportError:
        return False


def installation(folder: Path, fault: str = "") -> Path:
    """A directory that looks like an installation of another release; with a fault it has that, else it is this one."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    module = "support.faulty_release" if fault else "care_voice"
    lines = [
        "#!/bin/sh",
        f'export PYTHONPATH="{_TESTS}${{PYTHONPATH:+:$PYTHONPATH}}" {FAULT_VARIABLE}={fault}',
        "shift 2",
        f'exec "{sys.executable}" -m {module} "$@"',
    ]
    python.write_text("\n".join([*lines, ""]), encoding="utf-8")
    python.chmod(0o755)
    return folder
