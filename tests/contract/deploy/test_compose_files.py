"""The Compose files, read by Compose and by podman-compose; and the entrance's configuration, read by HAProxy."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from care_voice.config import load_settings
from support.deploy_files import DEPLOY, PROFILES, PROJECT, checked, compose, seconds, tool

FOLDER = DEPLOY / "compose"
BOTH = ("compose.yaml", "compose.postgres.yaml")
SLOTS = ("blue", "green", "blue-gpu", "green-gpu")


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = compose(*BOTH)["services"]
    return found


def test_profiles_start_what_they_are_named_after() -> None:
    plain = compose("compose.yaml")["services"]
    started = {name: {one for one, each in plain.items() if name in each["profiles"]} for name in PROFILES}
    assert started == {
        "cpu": {"entrance", "blue"},
        "gpu": {"entrance", "blue-gpu"},
        "monitoring": {"prometheus", "alertmanager", "grafana"},
        "bridge": {"green"},
        "bridge-gpu": {"green-gpu"},
    }


def test_every_container_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert int(service["mem_limit"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert service["healthcheck"]["test"], name
        assert not service.get("privileged"), name


def test_nothing_but_the_entrance_is_reached_from_other_machines(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(published) == {"entrance", "prometheus", "alertmanager", "grafana"}
    assert {port["host_ip"] for ports in published.values() for port in ports} == {"127.0.0.1"}


def test_secrets_come_from_files_alone(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for variable, value in (service.get("environment") or {}).items():
            secret = any(word in variable for word in ("PASSWORD", "TOKEN", "SECRET", "KEY", "URL"))
            assert not secret or str(value).startswith("/run/secrets/"), f"{name}: {variable}"


def test_a_stop_waits_for_what_is_transcribed(services: dict[str, Any]) -> None:
    for name in SLOTS:
        drain = float(services[name]["environment"]["CARE_VOICE_LIFECYCLE__DRAIN_TIMEOUT_S"])
        assert seconds(services[name]["stop_grace_period"]) > drain + 15


def test_both_slots_have_the_same_settings(services: dict[str, Any]) -> None:
    for one, other in (("blue", "green"), ("blue-gpu", "green-gpu")):
        first, second = (services[name]["environment"] for name in (one, other))
        assert first.pop("CARE_VOICE_SLOT") != second.pop("CARE_VOICE_SLOT")
        assert first == second


def test_podman_compose_reads_them_too() -> None:
    program = tool("podman-compose")
    files = [part for file in BOTH for part in ("--file", FOLDER / file)]
    profiles = [part for profile in PROFILES for part in ("--profile", profile)]
    found = checked(program, *files, *profiles, "config", env={"PATH": f"{Path(program).parent}:/usr/bin:/bin"})
    assert "services:" in found


def test_haproxy_takes_the_entrance_that_prepare_writes(tmp_path: Path) -> None:
    written = tmp_path / "haproxy.cfg"
    script = (FOLDER / "prepare").read_text(encoding="utf-8")
    options = [word.split("=", 1) for word in script.split() if word.startswith("CARE_VOICE_ENTRANCE__")]
    environment = os.environ | {name: value for name, value in options if "certificates" not in value}
    environment |= {"CARE_VOICE_DATA_DIR": str(tmp_path), "PYTHONPATH": str(PROJECT / "src")}
    verb = re.search(r"entrance config .*?(?= >)", script)
    assert verb is not None
    command = [sys.executable, "-m", "care_voice", *verb[0].split()]
    written.write_text(checked(*command, env=environment), encoding="utf-8")
    assert "bind 0.0.0.0:3000" in written.read_text(encoding="utf-8")
    assert "server green green:3000" in written.read_text(encoding="utf-8")
    checked(tool("haproxy"), "-c", "-f", written, "-f", FOLDER / "entrance-metrics.cfg")


def prepared(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """`prepare` in a copy of the folder, with an engine that only says what it was asked."""
    copy = folder / "compose"
    if not copy.exists():
        shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("secrets", "entrance", ".env"))
    engine = folder / "engine"
    engine.write_text('#!/bin/sh\necho "asked: $*"\n', encoding="utf-8")
    engine.chmod(0o755)
    environment = os.environ | {"ENGINE": str(engine)}
    return subprocess.run([copy / "prepare", *options], env=environment, capture_output=True, text=True, check=False)


def test_prepare_makes_secrets_once_that_nobody_else_can_read(tmp_path: Path) -> None:
    assert prepared(tmp_path, "--postgres").returncode == 0
    secrets = tmp_path / "compose" / "secrets"
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    made = {path.name: path.read_text(encoding="utf-8") for path in secrets.iterdir()}
    assert set(made) == {"care-voice.toml", "operator.token", "grafana.password", "postgres.password"}
    assert len(made["operator.token"]) >= 32
    assert f'operator_token = "{made["operator.token"]}"' in made["care-voice.toml"]
    assert f":{made['postgres.password']}@postgres/" in made["care-voice.toml"]
    assert prepared(tmp_path).returncode == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in secrets.iterdir()} == made


def test_prepare_does_not_pretend_that_a_database_is_set(tmp_path: Path) -> None:
    assert prepared(tmp_path).returncode == 0
    again = prepared(tmp_path, "--postgres")
    assert again.returncode == 1
    assert "names no PostgreSQL" in again.stderr


def test_the_example_of_the_environment_says_what_compose_assumes() -> None:
    lines = (FOLDER / "env.example").read_text(encoding="utf-8").splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    for name, value in values.items():
        assert name == "PROFILE" or f"${{{name}:-{value}}}" in text
    assert load_settings({"CARE_VOICE_DATA_DIR": "/nowhere"}).model == values["MODEL"]
