"""Slots as containers of Podman or Docker on this machine."""

from __future__ import annotations

import base64
import os
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from care_voice.domain.deploy_errors import DeployError, ReleaseInvalid
from care_voice.ops.deploy.releases import Release, SlotName

_COMMAND_S = 60.0
_MIGRATION_S = 600.0
_LOOK_EVERY_S = 2.0
_STOP_TIMEOUT_S = 180
_SERVICE_PORT = 3000
_LABEL = "care-voice.release"
_NEARBY = "127.0.0.1,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"
"""Where the entrance seems to come from, as a container sees it; its port is published on this machine alone."""


@dataclass(frozen=True, slots=True)
class ContainerRules:
    """How containers are run: `image` where a release names none, `volume` (a name or a directory) for /data, further
    `options` of `run`, and a `prefix` of their names."""

    runtime: str
    image: str
    volume: str
    options: tuple[str, ...]
    prefix: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A container that runs: its first process, as this machine numbers it, when that began, and what it is for."""

    pid: int
    began: str
    release: Release


class ContainerHost:
    """A container for each slot, with what its image needs and no more: no capabilities, a read-only root."""

    def __init__(self, rules: ContainerRules, ports: Mapping[SlotName, int], common: Mapping[str, str]) -> None:
        """`common` are environment variables of every container; they never stand on a command line."""
        self._rules = rules
        self._ports = ports
        self._common = common
        self._found: dict[SlotName, _Found] = {}
        self._looked: dict[SlotName, float] = {}

    def check(self, release: Release) -> None:
        """Raises ReleaseInvalid where the image is not on this machine."""
        image = self._image(release)
        if self._podman("image", "inspect", "--format", "{{.Id}}", image).returncode != 0:
            advice = f"Pull or build it first: `{self._rules.runtime} pull`, scripts/build-image."
            raise ReleaseInvalid(target=image, why="there is no such image here", advice=advice)

    def start(self, slot: SlotName, release: Release, *, standby: bool) -> None:
        """Start a container in a slot where none runs. Raises ReleaseInvalid."""
        variables = {
            **self._common,
            **release.settings,
            "CARE_VOICE_SLOT": slot,
            "CARE_VOICE_JOBS__STANDBY": str(standby).lower(),
            "CARE_VOICE_API__TRUSTED_PROXIES": _NEARBY,
        }
        label = base64.b64encode(msgspec.json.encode(release)).decode()
        # Not by force: where the runtime was too busy to say what runs there, something may.
        self._podman("rm", self._name(slot))
        done = self._podman(
            "run", "--detach", "--name", self._name(slot), "--label", f"{_LABEL}={label}",
            "--publish", f"127.0.0.1:{self._ports[slot]}:{_SERVICE_PORT}", "--volume", f"{self._rules.volume}:/data",
            "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", f"--stop-timeout={_STOP_TIMEOUT_S}",
            *[word for name in variables for word in ("--env", name)], *self._rules.options, self._image(release),
            variables=variables,
        )  # fmt: skip
        self._looked.pop(slot, None)
        if done.returncode != 0:
            why = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
            raise ReleaseInvalid(target=self._image(release), why=why[0][:300], advice="The steward tries it again.")

    def running(self, slot: SlotName) -> Release | None:
        """What runs in a slot; None where nothing does. Asked of the runtime only while that is not known."""
        found = self._found.get(slot)
        if found is None or not _is_running(found):
            self._found.pop(slot, None)
            found = self._look(slot)
        return found.release if found is not None else None

    def stand_by(self, slot: SlotName) -> None:
        """Let it take no more jobs."""
        self._signal(slot, "USR1")

    def take_part(self, slot: SlotName) -> None:
        """Let it take jobs."""
        self._signal(slot, "USR2")

    def stop(self, slot: SlotName) -> None:
        """Ask it to drain and end, without waiting for it."""
        self._signal(slot, "TERM")

    def kill(self, slot: SlotName) -> None:
        """End it now."""
        self._signal(slot, "KILL")

    def finish_migrations(self, slot: SlotName) -> None:
        """Apply what no older release could live with, by the program in the slot. Raises DeployError."""
        command = ("exec", self._name(slot), "care-voice", "db", "migrate", "--after")
        done = self._podman(*command, limit_s=_MIGRATION_S)
        if done.returncode != 0:
            raise DeployError from RuntimeError(done.stderr.strip()[-300:])

    def _look(self, slot: SlotName) -> _Found | None:
        now = time.monotonic()
        if now - self._looked.get(slot, -_LOOK_EVERY_S) < _LOOK_EVERY_S:
            return None
        self._looked[slot] = now
        shown = f'{{{{.State.Running}}}} {{{{.State.Pid}}}} {{{{index .Config.Labels "{_LABEL}"}}}}'
        done = self._podman("inspect", "--type", "container", "--format", shown, self._name(slot))
        words = done.stdout.split()
        if done.returncode != 0 or len(words) != 3 or words[0] != "true":
            return None
        self._found[slot] = _Found(int(words[1]), _beginning(words[1]), _release_of(words[2]))
        return self._found[slot]

    def _signal(self, slot: SlotName, name: str) -> None:
        if self.running(slot) is not None:
            self._podman("kill", "--signal", name, self._name(slot))

    def _image(self, release: Release) -> str:
        image = release.target or self._rules.image
        if not image:
            advice = "Name one, or set CARE_VOICE_DEPLOY__IMAGE."
            raise ReleaseInvalid(target=image, why="no image was named", advice=advice)
        return image

    def _name(self, slot: SlotName) -> str:
        return f"{self._rules.prefix}-{slot}"

    def _podman(
        self, *arguments: str, variables: Mapping[str, str] | None = None, limit_s: float = _COMMAND_S
    ) -> subprocess.CompletedProcess[str]:
        """A command of the runtime; one that does not come to an end has failed."""
        command = [self._rules.runtime, *arguments]
        try:
            return subprocess.run(
                command, env={**os.environ, **(variables or {})}, stdin=subprocess.DEVNULL, capture_output=True,
                text=True, timeout=limit_s, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return subprocess.CompletedProcess(command, 1, "", str(error))


def _release_of(label: str) -> Release:
    try:
        return msgspec.json.decode(base64.b64decode(label), type=Release)
    except (ValueError, msgspec.DecodeError):
        return Release(target="unknown")


def _is_running(found: _Found) -> bool:
    with suppress(PermissionError):
        try:
            os.kill(found.pid, 0)
        except ProcessLookupError:
            return False
    # Another process may have the number by now.
    return _beginning(str(found.pid)) == found.began


def _beginning(pid: str) -> str:
    """When a process began, in ticks of the kernel (proc(5)); empty where it cannot be seen."""
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    return ""
