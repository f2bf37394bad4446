"""What lets checks and tests run side by side: commands that are waited for, and ports that nobody else is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
PORTS = "from support.ports import free_port; print(free_port(), free_port(), flush=True); input()"


def run_shell(commands: str) -> subprocess.CompletedProcess[str]:
    script = f"set -euo pipefail\nsource scripts/setup.sh\nsource scripts/beside.sh\n{commands}\necho the end\n"
    return subprocess.run(
        ["bash", "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
    )  # fmt: skip


def test_a_command_that_fails_is_named_after_all_were_waited_for() -> None:
    done = run_shell(
        """
        broken() { echo before; false; echo after; }
        beside quick broken
        beside slow bash -c 'sleep 0.3; echo slowly'
        joined quick slow
        """
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "--- quick ---\nbefore\n--- slow ---\nslowly\nFailed: quick\n"


def test_commands_that_succeed_are_shown_when_they_said_something() -> None:
    done = run_shell("beside loud echo hello\nbeside silent true\njoined silent loud")
    assert (done.returncode, done.stdout, done.stderr) == (0, "the end\n", "--- loud ---\nhello\n")


def test_processes_are_given_different_ports() -> None:
    command = [sys.executable, "-c", PORTS]
    environment = {"PYTHONPATH": str(PROJECT / "tests"), "PATH": ""}
    processes = [
        subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    given = [free_port()]
    for process in processes:
        assert process.stdout is not None
        given += map(int, process.stdout.readline().split())
    for process in processes:
        process.communicate("\n", timeout=30)
    assert len(given) == len(set(given)) == 5
