"""What the doctor says of the entrance, the steward and the ports, and what is to be done."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from care_voice.config import run_dirs_of
from care_voice.domain.deploy_errors import StewardNotRunning
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import PreflightFailed
from care_voice.ops.background import PidFile, slot_run_dir
from care_voice.ops.deploy.checkup import Checkup
from care_voice.ops.deploy.rollout import Deployment
from care_voice.ops.deploy.state_file import DeployFolder
from care_voice.ops.entrance.settings import EntranceSettings
from support.ports import free_port


@pytest.fixture
def folder(tmp_path: Path) -> DeployFolder:
    made = DeployFolder(tmp_path)
    made.make()
    return made


@pytest.fixture
def ports() -> dict[str, int]:
    names = ("port", "blue_port", "green_port", "metrics_port")
    return {name: free_port() for name in names}


def haproxy(folder: Path, says: str) -> str:
    """A program of that name."""
    program = folder / "haproxy"
    program.write_text(f"#!/bin/sh\necho '{says}'\n", encoding="ascii")
    program.chmod(0o755)
    return str(program)


def checkup(data_dir: Path, settings: EntranceSettings, *, contained: bool = False) -> Checkup:
    return Checkup(
        data_dir,
        run_dirs_of(data_dir),
        data_dir / "entrance",
        settings,
        resolved=lambda: replace(settings, host="127.0.0.1"),
        api=("127.0.0.1", settings.port),
        contained=contained,
    )


def found(name: str, *parts: Any, **named: Any) -> str:
    """What a check says. Raises what it raises."""
    return next(check.run() for check in checkup(*parts, **named).checks() if check.name == name)


@contextmanager
def somebody_on(port: int) -> Iterator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


def test_a_machine_without_haproxy_is_one_that_upgrades_by_a_restart(tmp_path: Path, ports: dict[str, int]) -> None:
    settings = EntranceSettings(haproxy="no-such-program", **ports)
    assert "not installed" in found("entrance", tmp_path, settings)
    assert "switched off" in found("entrance", tmp_path, replace(settings, enabled=False))
    assert found("steward", tmp_path, settings) == "nothing was ever deployed here"
    assert found("ports", tmp_path, settings) == f"{ports['port']} is free"


def test_a_deployment_without_its_haproxy_cannot_be_reached(
    folder: DeployFolder, tmp_path: Path, ports: dict[str, int]
) -> None:
    folder.save(Deployment())
    with pytest.raises(PreflightFailed, match="missing") as failed:
        found("entrance", tmp_path, EntranceSettings(haproxy="no-such-program", **ports))
    assert "Install HAProxy" in failed.value.advice


@pytest.mark.parametrize(
    ("says", "version"),
    [("HAProxy version 2.6.12-1+deb12u4 2026/10/17", "2.6.12-1+deb12u4"), ("HAProxy version 3.0.2-9cb", "3.0.2-9cb")],
)
def test_a_haproxy_that_is_new_enough(tmp_path: Path, says: str, version: str) -> None:
    assert found("entrance", tmp_path, EntranceSettings(haproxy=haproxy(tmp_path, says))) == f"HAProxy {version}"


@pytest.mark.parametrize(
    ("says", "why"),
    [("HA-Proxy version 1.8.30-1", "too old"), ("HAProxy version 2.4.22", "too old"), ("Hello", "does not say")],
)
def test_one_that_is_too_old_or_something_else(tmp_path: Path, says: str, why: str) -> None:
    with pytest.raises(PreflightFailed, match=why):
        found("entrance", tmp_path, EntranceSettings(haproxy=haproxy(tmp_path, says)))


def test_what_troubles_the_entrance_is_told_in_its_words(folder: DeployFolder, tmp_path: Path) -> None:
    settings = EntranceSettings(haproxy=haproxy(tmp_path, "HAProxy version 2.6.1"))
    folder.become_steward()
    with pytest.raises(PreflightFailed, match="HAProxy does not run"):
        found("entrance", tmp_path, settings)
    folder.save(Deployment(trouble="Address already in use"))
    with pytest.raises(PreflightFailed, match="already in use"):
        found("entrance", tmp_path, settings)


def test_a_steward_is_missed_where_nobody_has_stopped_it(folder: DeployFolder, tmp_path: Path) -> None:
    settings = EntranceSettings()
    folder.save(Deployment())
    with pytest.raises(StewardNotRunning):
        found("steward", tmp_path, settings)
    folder.save(Deployment(stopping=True))
    assert "care-voice stop" in found("steward", tmp_path, settings)
    (folder.directory / "state.json").write_bytes(b"{")
    with pytest.raises(CareVoiceError, match="cannot be read"):
        found("steward", tmp_path, settings)
    folder.save(Deployment())
    folder.become_steward()
    assert found("steward", tmp_path, settings) == "runs"


@pytest.mark.parametrize(
    ("name", "setting"),
    [("port", "ENTRANCE__PORT"), ("green_port", "ENTRANCE__GREEN_PORT"), ("metrics_port", "ENTRANCE__METRICS_PORT")],
)
def test_a_port_that_another_program_has_is_named_with_its_setting(
    tmp_path: Path, ports: dict[str, int], name: str, setting: str
) -> None:
    settings = EntranceSettings(haproxy=haproxy(tmp_path, "HAProxy version 2.6.1"), **ports)
    assert found("ports", tmp_path, settings).count("is free") == len(ports)
    with somebody_on(ports[name]), pytest.raises(PreflightFailed, match=f"{ports[name]} of CARE_VOICE_{setting}:"):
        found("ports", tmp_path, settings)


def test_a_port_of_a_slot_that_is_ours_is_no_trouble(
    folder: DeployFolder, tmp_path: Path, ports: dict[str, int]
) -> None:
    settings = EntranceSettings(haproxy=haproxy(tmp_path, "HAProxy version 2.6.1"), **ports)
    blue, green = ports["blue_port"], ports["green_port"]
    server = PidFile(slot_run_dir(tmp_path, "blue"))
    assert server.acquire(f"http://127.0.0.1:{blue}")
    with somebody_on(blue):
        assert f"{blue} is ours, {green} is free" in found("ports", tmp_path, settings)
        server.release()
        with pytest.raises(PreflightFailed, match=f"{blue} of"):
            found("ports", tmp_path, settings)
        folder.save(Deployment())
        assert f"{blue} is ours" in found("ports", tmp_path, settings, contained=True)
    with somebody_on(green), pytest.raises(PreflightFailed, match=f"{green} of"):
        found("ports", tmp_path, settings, contained=True)


def test_another_users_files_are_told_as_such(
    folder: DeployFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied", "steward.lock")

    monkeypatch.setattr(DeployFolder, "is_stewarded", property(refused))
    folder.save(Deployment())
    with pytest.raises(PreflightFailed, match=r"steward\.lock: Permission denied"):
        found("steward", tmp_path, EntranceSettings())
