"""What the steward makes of what Podman says, and of what it does not say. The runtime is a script of the test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from care_voice.domain.deploy_errors import ContainersUnknown, ReleaseInvalid
from care_voice.ops.deploy.hosts.container import ContainerHost, ContainerRules
from care_voice.ops.deploy.releases import Release

RELEASE = Release("localhost/care-voice:new", {"CARE_VOICE_MODEL": "small"})


class Runtime:
    """`says` is run as a shell script for each command of the runtime; `asked` are the commands so far."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.path = folder / "runtime"
        self.says("echo 'Error: no such container' >&2; exit 125")

    def says(self, script: str) -> None:
        self.path.write_text(f'#!/bin/sh\necho "$@" >> "{self._folder}/asked"\n{script}\n', encoding="utf-8")
        self.path.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        return (self._folder / "asked").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    return Runtime(tmp_path)


@pytest.fixture
def host(runtime: Runtime) -> ContainerHost:
    return host_with(runtime)


def host_with(runtime: Runtime) -> ContainerHost:
    """As each new steward makes one."""
    rules = ContainerRules(str(runtime.path), "localhost/care-voice:old", "data", ("--memory=3g",), "care-voice")
    common = {"CARE_VOICE_API__OPERATOR_TOKEN": "secret"}
    return ContainerHost(rules, {"blue": 3001, "green": 3002}, common, runtime.path.parent)


def label_of(command: str) -> str:
    return command.partition("--label care-voice.release=")[2].split()[0]


def test_a_container_that_was_started_is_found_by_its_label_for_as_long_as_its_process_lives(
    runtime: Runtime, host: ContainerHost
) -> None:
    runtime.says("exit 0")
    host.start("green", RELEASE, standby=True)
    command = runtime.asked[-1]
    runtime.says(f"echo true {os.getpid()} {label_of(command)}")
    assert host.running("green") == RELEASE
    asked = len(runtime.asked)
    assert host.running("green") == RELEASE
    assert len(runtime.asked) == asked, "the process says it"
    assert "127.0.0.1:3002:3000" in command
    assert "secret" not in command
    assert command.endswith("--memory=3g localhost/care-voice:new")


def test_a_runtime_that_fails_does_not_say_that_nothing_runs(runtime: Runtime, host: ContainerHost) -> None:
    assert host.running("green") is None
    runtime.says("echo 'Error: the storage is locked' >&2; exit 125")
    with pytest.raises(ContainersUnknown, match="the storage is locked"):
        host.running("blue")


def test_a_container_that_drains_is_not_told_to_stop_again_by_the_next_steward(runtime: Runtime) -> None:
    told = "kill --signal TERM care-voice-blue"
    runtime.says(f"echo true {os.getpid()} e30=")
    for _ in range(2):
        host_with(runtime).stop("blue")
    assert runtime.asked.count(told) == 1
    runtime.says("echo true 1 e30=")
    host_with(runtime).stop("blue")
    assert runtime.asked.count(told) == 2, "another one runs there now"


def test_a_signal_that_does_not_arrive_is_told(runtime: Runtime, host: ContainerHost) -> None:
    runtime.says(f'if [ "$1" = kill ]; then echo no >&2; exit 1; fi; echo true {os.getpid()} e30=')
    with pytest.raises(ContainersUnknown, match="no"):
        host.stop("blue")
    runtime.says("echo false 0 e30=")
    host.stop("green")
    assert not runtime.asked[-1].startswith("kill")


def test_a_start_that_fails_says_why_and_an_image_must_be_there(runtime: Runtime, host: ContainerHost) -> None:
    runtime.says("echo first >&2; echo 'no room for it' >&2; exit 125")
    with pytest.raises(ReleaseInvalid, match="no room for it"):
        host.start("blue", RELEASE, standby=False)
    with pytest.raises(ReleaseInvalid, match="no such image"):
        host.check(RELEASE)
