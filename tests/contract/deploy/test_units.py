"""The units of systemd, read by systemd; those of quadlet, by quadlet."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from care_voice.cli import VERBS
from support.deploy_files import DEPLOY, checked, tool, unit_environment, unit_lines

SYSTEMD, QUADLET = DEPLOY / "systemd", DEPLOY / "quadlet"
UNITS = sorted(SYSTEMD.glob("*.service"))
MOST_EXPOSED = 2.5
"""systemd's own figure for what a service could do to the machine: 0 is nothing, 10 everything."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def one(path: Path, key: str) -> str:
    (value,) = unit_lines(text_of(path), key)
    return value


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root directory in which the program is installed and the units lie."""
    program = tmp_path / "opt/care-voice/.venv/bin/care-voice"
    units = tmp_path / "etc/systemd/system"
    for folder in (program.parent, units):
        folder.mkdir(parents=True)
    program.write_text("#!/bin/sh\n", encoding="utf-8")
    program.chmod(0o755)
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    for unit in UNITS:
        shutil.copy(unit, units)
    return tmp_path


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_the_unit(unit: Path, request: pytest.FixtureRequest) -> None:
    program = tool("systemd-analyze")
    machine = request.getfixturevalue("machine")
    assert checked(program, f"--root={machine}", "verify", unit.name).strip() == ""


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_service_can_do_little_to_the_machine(unit: Path) -> None:
    said = checked(tool("systemd-analyze"), "security", "--offline=true", unit)
    found = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert found is not None
    assert float(found[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_it_runs_a_command_that_exists_and_stops_for_settings_that_do_not_fit(unit: Path) -> None:
    program, verb = one(unit, "ExecStart").split()
    assert program.endswith("/.venv/bin/care-voice")
    assert verb in VERBS
    assert one(unit, "RestartPreventExitStatus") == "78"
    assert one(unit, "Restart") in ("always", "on-failure")


def test_what_care_voice_stop_has_ended_is_not_started_again() -> None:
    assert one(SYSTEMD / "care-voice-steward.service", "Restart") == "on-failure"


def test_a_stop_waits_for_what_is_transcribed() -> None:
    unit = SYSTEMD / "care-voice.service"
    drain = float(unit_environment(text_of(unit))["CARE_VOICE_LIFECYCLE__DRAIN_TIMEOUT_S"])
    assert float(one(unit, "TimeoutStopSec")) > drain + 15
    assert one(unit, "KillMode") == "mixed"


def test_what_the_steward_started_outlives_it() -> None:
    unit = SYSTEMD / "care-voice-steward.service"
    assert one(unit, "KillMode") == "process"
    assert "PrivateTmp" not in [line.partition("=")[0] for line in text_of(unit).splitlines()]


def test_the_user_and_the_directories_are_made(tmp_path: Path) -> None:
    users, folders = tool("systemd-sysusers"), tool("systemd-tmpfiles")
    if os.geteuid() != 0:
        pytest.skip("only root may give files to another user")
    (tmp_path / "etc").mkdir()
    checked(users, f"--root={tmp_path}", SYSTEMD / "sysusers.conf")
    assert "care-voice:" in text_of(tmp_path / "etc/passwd")
    checked(folders, f"--root={tmp_path}", "--create", SYSTEMD / "tmpfiles.conf")
    modes = {"etc/care-voice": 0o750, "etc/care-voice/care-voice.toml": 0o640, "var/lib/care-voice": 0o700}
    assert {path: (tmp_path / path).stat().st_mode & 0o777 for path in modes} == modes


def test_the_files_of_the_units_are_those_that_are_made() -> None:
    made = text_of(SYSTEMD / "tmpfiles.conf")
    for unit in UNITS:
        environment = unit_environment(text_of(unit))
        for path in (environment["CARE_VOICE_CONFIG"], environment["CARE_VOICE_DATA_DIR"]):
            assert f" {path} " in made


def test_quadlet_makes_services_of_its_files() -> None:
    made = checked(tool("quadlet"), "-dryrun", env={"QUADLET_UNIT_DIRS": str(QUADLET)})
    services = set(re.findall(r"^---(\S+)---$", made, re.MULTILINE))
    assert services == {"care-voice.service", "care-voice-data-volume.service", "care-voice-network.service"}
    assert "converting" not in made
    run = next(line for line in made.splitlines() if line.startswith("ExecStart=") and " run " in line)
    for option in ("--read-only", "--cap-drop all", "--security-opt=no-new-privileges", "--pids-limit", "--memory=",
                   "--publish 127.0.0.1:3000:3000", "-v care-voice-data:/data", "--network care-voice"):  # fmt: skip
        assert option in run
    drain = float(unit_environment(text_of(QUADLET / "care-voice.container"))["CARE_VOICE_LIFECYCLE__DRAIN_TIMEOUT_S"])
    stop = re.search(r"--stop-timeout=(\d+)", run)
    assert stop is not None
    assert float(stop[1]) > drain + 15
