"""`care-voice start` and `stop`, which ./start.sh and ./stop.sh call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from support.ports import free_port
from support.processes import is_running
from support.server import environment
from support.waiting import wait_until


def test_start_waits_until_ready_a_second_start_finds_it_and_stop_ends_it(tmp_path: Path, model_store: Path) -> None:
    port = free_port()
    variables = environment(tmp_path, model_store, {"CARE_VOICE_API__PORT": str(port)})

    def run(verb: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "care_voice", verb]
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100, check=False)

    first = run("start")
    try:
        assert first.returncode == 0, first.stderr
        assert f"Ready: http://localhost:{port}" in first.stdout
        assert httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        again = run("start")
        assert again.returncode == 0
        assert "running already" in again.stdout
        variables["CARE_VOICE_API__PORT"] = str(free_port())
        elsewhere = run("start")
        assert (elsewhere.returncode, f"running already: http://127.0.0.1:{port}" in elsewhere.stdout) == (0, True)
    finally:
        stopped = run("stop")
    assert stopped.returncode == 0, stopped.stderr
    assert "stopped" in stopped.stdout
    assert "not running" in run("stop").stdout


def test_a_setting_that_is_not_valid_does_not_keep_a_service_from_being_stopped(
    tmp_path: Path, model_store: Path
) -> None:
    variables = environment(tmp_path, model_store, {"CARE_VOICE_API__PORT": str(free_port())})
    command = [sys.executable, "-m", "care_voice"]
    subprocess.run([*command, "start"], env=variables, capture_output=True, timeout=100, check=True)
    wrong = {**variables, "CARE_VOICE_ENGINE__RUNTIME": "abacus"}
    refused = subprocess.run([*command, "start"], env=wrong, capture_output=True, text=True, timeout=100, check=False)
    assert (refused.returncode, "CARE_VOICE_ENGINE__RUNTIME" in refused.stderr) == (1, True)
    stopped = subprocess.run([*command, "stop"], env=wrong, capture_output=True, text=True, timeout=100, check=False)
    assert (stopped.returncode, "has stopped" in stopped.stdout) == (0, True), stopped.stderr


def test_a_start_that_cannot_listen_says_so(tmp_path: Path, model_store: Path) -> None:
    variables = environment(tmp_path, model_store, {"CARE_VOICE_API__PORT": "1", "CARE_VOICE_API__HOST": "192.0.2.1"})
    command = [sys.executable, "-m", "care_voice", "start", "--timeout", "60"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert "CARE_VOICE_API__PORT" in done.stderr


def test_a_killed_server_leaves_nothing_that_hinders_the_next_start(tmp_path: Path, model_store: Path) -> None:
    port = free_port()
    variables = environment(tmp_path, model_store, {"CARE_VOICE_API__PORT": str(port)})
    command = [sys.executable, "-m", "care_voice"]
    subprocess.run([*command, "start"], env=variables, capture_output=True, timeout=100, check=True)
    pid = int((tmp_path / "run" / "server.pid").read_text(encoding="ascii"))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), "the server is gone")
    try:
        subprocess.run([*command, "start"], env=variables, capture_output=True, timeout=100, check=True)
        assert int((tmp_path / "run" / "server.pid").read_text(encoding="ascii")) != pid
    finally:
        subprocess.run([*command, "stop"], env=variables, capture_output=True, timeout=100, check=True)
