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

from care_voice.domain.deploy_errors import ContainersUnknown, DeployError, ReleaseInvalid
from care_voice.ops.deploy.releases import Release, SlotName

_COMMAND_S = 60.0
_MIGRATION_S = 600.0
_LOOK_EVERY_S = 2.0
_STOP_TIMEOUT_S = 180
_SERVICE_PORT = 3000
_SHOWN = 3
_BORN = 19
"""Of the fields of /proc/PID/stat behind the name: proc(5) counts from 1, and the third one is the first here."""
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
class _Process:
    """`born` is in ticks since the machine's start, so that a number that is used again is another process."""

    pid: int
    born: str

    def __str__(self) -> str:
        return f"{self.pid} {self.born}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What was seen in a slot: the release that runs there and its first process, as this machine knows it. A process
    says at each moment whether it lives; without one, as where containers run in a machine of their own, what was seen
    holds for a while."""

    release: Release | None
    seen_at: float
    process: _Process | None

    @property
    def holds(self) -> bool:
        if self.process is not None:
            return self.process == _process(self.process.pid)
        return time.monotonic() - self.seen_at < _LOOK_EVERY_S


class ContainerHost:
    """A container for each slot, with what its image needs and no more: no capabilities, a read-only root."""

    def __init__(
        self, rules: ContainerRules, ports: Mapping[SlotName, int], common: Mapping[str, str], folder: Path
    ) -> None:
        """`common` are environment variables of every container; they never stand on a command line. `folder` is where
        another steward finds which ones were told to stop."""
        self._rules = rules
        self._ports = ports
        self._common = common
        self._folder = folder
        self._known: dict[SlotName, _Known] = {}

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
        self._podman("rm", "--force", self._name(slot))
        done = self._podman(
            "run", "--detach", "--name", self._name(slot), "--label", f"{_LABEL}={label}",
            "--publish", f"127.0.0.1:{self._ports[slot]}:{_SERVICE_PORT}", "--volume", f"{self._rules.volume}:/data",
            "--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", f"--stop-timeout={_STOP_TIMEOUT_S}",
            *[word for name in variables for word in ("--env", name)], *self._rules.options, self._image(release),
            variables=variables,
        )  # fmt: skip
        self._known.pop(slot, None)
        if done.returncode != 0:
            raise ReleaseInvalid(target=self._image(release), why=_why(done), advice="The steward tries it again.")

    def running(self, slot: SlotName) -> Release | None:
        """What runs in a slot; None where nothing does. Raises ContainersUnknown."""
        known = self._known.get(slot)
        if known is None or not known.holds:
            self._known.pop(slot, None)
            known = self._known[slot] = self._look(slot)
        return known.release

    def stand_by(self, slot: SlotName) -> None:
        """Let it take no more jobs."""
        self._signal(slot, "USR1")

    def take_part(self, slot: SlotName) -> None:
        """Let it take jobs."""
        self._signal(slot, "USR2")

    def stop(self, slot: SlotName) -> None:
        """Ask it to drain and end, without waiting for it; once, as a second signal cuts off what it has in hand."""
        asked, told = self._folder / f"{slot}.asked", str(self._process_in(slot) or "")
        if told and _text_of(asked) == told:
            return
        self._signal(slot, "TERM")
        with suppress(OSError):
            asked.write_text(told, encoding="ascii")

    def kill(self, slot: SlotName) -> None:
        """End it now."""
        self._signal(slot, "KILL")

    def clear(self, slot: SlotName) -> None:
        """Remove a container that has ended; until then its log can be read."""
        self._podman("rm", self._name(slot))

    def finish_migrations(self, slot: SlotName) -> None:
        """Apply what no older release could live with, by the program in the slot. Raises DeployError."""
        command = ("exec", self._name(slot), "care-voice", "db", "migrate", "--after")
        done = self._podman(*command, limit_s=_MIGRATION_S)
        if done.returncode != 0:
            raise DeployError from RuntimeError(done.stderr.strip()[-300:])

    def _process_in(self, slot: SlotName) -> _Process | None:
        """None where this machine does not see it, too."""
        return self._known[slot].process if self.running(slot) is not None else None

    def _look(self, slot: SlotName) -> _Known:
        """Ask the runtime. A question that has failed is no answer: what may run must not be taken for gone, as the
        slot would be cleared for another one."""
        shown = f'{{{{.State.Running}}}} {{{{.State.Pid}}}} {{{{index .Config.Labels "{_LABEL}"}}}}'
        done = self._podman("inspect", "--type", "container", "--format", shown, self._name(slot))
        words = done.stdout.split()
        if done.returncode == 0 and len(words) == _SHOWN:
            runs, pid, label = words
            lives = runs == "true"
            process = _process(int(pid)) if lives else None
            return _Known(_release_of(label) if lives else None, time.monotonic(), process)
        if "no such container" in done.stderr.lower():
            return _Known(None, time.monotonic(), None)
        raise ContainersUnknown(runtime=self._rules.runtime, why=_why(done))

    def _signal(self, slot: SlotName, name: str) -> None:
        """Raises ContainersUnknown where it runs and did not get the signal."""
        if self.running(slot) is None:
            return
        done = self._podman("kill", "--signal", name, self._name(slot))
        if done.returncode != 0:
            self._known.pop(slot, None)
            if self.running(slot) is not None:
                raise ContainersUnknown(runtime=self._rules.runtime, why=_why(done))

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


def _text_of(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii")
    return ""


def _process(pid: int) -> _Process | None:
    """A process of this machine, also another user's; None where there is no such one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return _Process(pid, fields[_BORN]) if fields[0] not in "ZX" else None


def _why(done: subprocess.CompletedProcess[str]) -> str:
    """The last thing that it said."""
    said = done.stderr.strip().splitlines()
    return said[-1][:300] if said else "it said nothing"
