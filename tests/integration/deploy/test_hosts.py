"""Slots as processes: what one is told, and once."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from care_voice.domain.deploy_errors import DeployError
from care_voice.ops.background import PidFile
from care_voice.ops.deploy.hosts.process import ProcessHost
from care_voice.ops.deploy.releases import Release, SlotName
from support.waiting import wait_until

PORTS: dict[SlotName, int] = {"blue": 1, "green": 2}
SERVICE = """
import os, signal
from pathlib import Path
from care_voice.ops.background import PidFile
folder = Path(os.environ["CARE_VOICE_DATA_DIR"])
def heard(number, frame):
    with (folder / "heard").open("a") as file:
        print(signal.Signals(number).name, file=file)
for number in (signal.SIGTERM, signal.SIGUSR1):
    signal.signal(number, heard)
seat = PidFile(folder / "slots" / os.environ["CARE_VOICE_SLOT"] / "run")
assert seat.acquire()
while True:
    signal.pause()
"""


def installation(folder: Path, text: str) -> Release:
    """A release whose program is this text."""
    program, python = folder / "program.py", folder / ".venv" / "bin" / "python"
    program.write_text(text, encoding="utf-8")
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{program}"\n', encoding="utf-8")
    python.chmod(0o755)
    return Release(str(folder))


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    made = tmp_path / "data"
    yield made
    ProcessHost(made, PORTS, {}).kill("blue")


def test_a_second_steward_does_not_tell_a_slot_to_stop_once_more(data_dir: Path, tmp_path: Path) -> None:
    host = ProcessHost(data_dir, PORTS, {})
    host.start("blue", installation(tmp_path, SERVICE), standby=False)
    pid_file = PidFile(data_dir / "slots" / "blue" / "run")
    wait_until(lambda: pid_file.running_pid() is not None, "it has begun")
    host.stop("blue")
    heard = data_dir / "heard"
    wait_until(heard.exists, "it was told")
    following = ProcessHost(data_dir, PORTS, {})
    following.stop("blue")
    following.stand_by("blue")
    wait_until(lambda: "SIGUSR1" in heard.read_text(encoding="utf-8"), "it hears what comes after")
    told = heard.read_text(encoding="utf-8").split()
    host.kill("blue")
    wait_until(lambda: host.running("blue") is None, "it has ended")
    assert told == ["SIGTERM", "SIGUSR1"]


def test_a_slot_that_ended_is_started_again_although_the_disk_is_full(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, release = ProcessHost(data_dir, PORTS, {}), installation(tmp_path, SERVICE)
    host.start("blue", release, standby=False)
    host.kill("blue")
    wait_until(lambda: host.running("blue") is None, "it has ended")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    host.start("blue", release, standby=False)
    runs = host.running("blue")
    host.kill("blue")
    wait_until(lambda: host.running("blue") is None, "it has ended again")
    assert runs == release


def test_migrations_are_finished_by_what_runs_in_the_slot_and_by_nothing_else(data_dir: Path) -> None:
    with pytest.raises(DeployError) as failure:
        ProcessHost(data_dir, PORTS, {}).finish_migrations("blue")
    assert "nothing runs in blue" in str(failure.value.__cause__)
