"""A service that cannot start says so: by its exit code, or as long as it takes where nobody reads exit codes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from support.server import environment, free_port
from support.waiting import wait_until

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, model_store: Path) -> Iterator[Start]:
    """Starts `serve`, with its output in the file `log`; all are ended with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str, **settings: str) -> subprocess.Popen[bytes]:
        variables = environment(tmp_path / "data", model_store, {f"CARE_VOICE_{k}": v for k, v in settings.items()})
        with (tmp_path / "log").open("ab") as log:
            command = [sys.executable, "-m", "care_voice", "serve", *arguments]
            started.append(subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        return started[-1]

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(30)


def asked(port: int, path: str) -> httpx.Response | None:
    with suppress(httpx.TransportError):
        # Plain HTTP, and asked many times a second.
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, verify=False)
    return None


def answers(port: int, path: str, status: int) -> Callable[[], httpx.Response | None]:
    """An answer with this status, once there is one."""
    return lambda: (got := asked(port, path)) and (got if got.status_code == status else None)


def test_what_somebody_has_to_mend_first_has_an_exit_code_of_its_own(start: Start, tmp_path: Path) -> None:
    assert start(API__PORT="-1").wait(60) == 78
    port = str(free_port())
    assert start(API__PORT=port, MODELS__SIGNATURES__POLICY="require").wait(60) == 78
    (tmp_path / "file").write_text("in the way")
    assert start(API__PORT=port, DATA_DIR=str(tmp_path / "file")).wait(60) == 78
    assert "directories" in (tmp_path / "log").read_text()


def test_a_release_that_cannot_be_imported_ends_and_says_why(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fastapi.py").write_text("def broken(:", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    assert start(API__PORT=str(free_port())).wait(60) == 1
    assert "SyntaxError" in (tmp_path / "log").read_text()


def test_what_may_pass_has_another_one(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert start(API__PORT=str(port)).wait(60) == 75
    assert f"127.0.0.1:{port}" in (tmp_path / "log").read_text()


def test_in_a_container_it_stays_says_why_and_starts_once_it_can(start: Start, tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "data" / "care-voice.toml"
    file.parent.mkdir()
    file.write_text("[engine]\nthraeds = 1\n", encoding="utf-8")
    service = start("--stay", API__PORT=str(port))
    refused = wait_until(answers(port, "/health/ready", 503), "it answers")
    assert (refused.json()["code"], refused.json()["state"]) == ("settings_invalid", "degraded")
    assert "THRAEDS" in refused.json()["detail"]
    assert wait_until(answers(port, "/health/live", 200), "it is alive").json() == {"status": "live"}
    file.write_text("", encoding="utf-8")
    wait_until(answers(port, "/health/ready", 200), "it is ready once the mistake is mended", 90)
    service.send_signal(signal.SIGTERM)
    assert service.wait(60) == 0


def test_a_service_that_stays_ends_when_it_is_told_to(start: Start) -> None:
    port = free_port()
    service = start("--stay", API__PORT=str(port), ENGINE__RUNTIME="abacus")
    wait_until(answers(port, "/health/live", 200), "it is alive")
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
