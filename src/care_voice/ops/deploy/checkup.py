"""What is around the service on this machine: the entrance, the steward, the ports. Each check says what it found, or
what to do."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from care_voice.domain.deploy_errors import DeploymentUnreadable, StewardNotRunning
from care_voice.domain.service_errors import PreflightFailed
from care_voice.ops.background import PidFile
from care_voice.ops.deploy.releases import SLOTS
from care_voice.ops.deploy.rollout import Deployment
from care_voice.ops.deploy.state_file import DeployFolder
from care_voice.ops.entrance.keeper import Entrance
from care_voice.ops.entrance.settings import EntranceSettings
from care_voice.service.lifecycle import Check

_LEAST_VERSION = (2, 6)
_VERSION = re.compile(r"HA-?Proxy version ((\d+)\.(\d+)\S*)")
_BOUND = re.compile(r"^\s*bind \S*:(\d+)(?:\s|$)", re.MULTILINE)
_COMMAND_S = 10.0
_INSTALL = "Install HAProxy 2.6 or newer (apt-get install haproxy), or set CARE_VOICE_ENTRANCE__ENABLED=false."
_NO_ENTRANCE = "the service listens itself, and an upgrade is a restart"


@dataclass(frozen=True, slots=True)
class _Port:
    setting: str
    host: str
    number: int


@dataclass(frozen=True, slots=True)
class Checkup:
    """What the checks need to know. They change nothing."""

    data_dir: Path
    run_dirs: tuple[Path, ...]
    """Where the pid files are of all services that may run on the data directory."""

    entrance_dir: Path
    settings: EntranceSettings
    resolved: Callable[[], EntranceSettings]
    """The same with host and port filled in; raises SettingsInvalid."""

    api: tuple[str, int]
    """Host and port of a service without an entrance."""

    contained: bool
    """Whether slots are containers."""

    def checks(self) -> list[Check]:
        """Each raises PreflightFailed, DeployError or SettingsInvalid."""
        looks = {"entrance": self._entrance, "steward": self._steward, "ports": self._ports}
        return [Check(name, partial(_looked, name, look)) for name, look in looks.items()]

    def _entrance(self) -> str:
        if not self.settings.enabled:
            return f"switched off: {_NO_ENTRANCE}"
        program = shutil.which(self.settings.haproxy)
        if program is None and not self._is_set_up:
            return f"HAProxy is not installed: {_NO_ENTRANCE}"
        if program is None:
            raise PreflightFailed(
                name="entrance", why=f"the program '{self.settings.haproxy}' is missing", advice=_INSTALL
            )
        found = f"HAProxy {_version(program)}"
        if not DeployFolder(self.data_dir).is_stewarded:
            return found
        trouble = self._deployment.trouble or ("" if self._entrance_runs else "HAProxy does not run")
        if trouble:
            advice = "The steward tries it again; `care-voice deploy status` says how it is."
            raise PreflightFailed(name="entrance", why=trouble, advice=advice)
        return f"{found}, runs"

    def _steward(self) -> str:
        folder = DeployFolder(self.data_dir)
        deployment = folder.load()
        if folder.is_stewarded:
            return "runs"
        if deployment is None:
            return "nothing was ever deployed here"
        if deployment.stopping:
            return "stopped with `care-voice stop`"
        raise StewardNotRunning

    def _ports(self) -> str:
        ours, said, taken = self._ours(), [], []
        for port in self._wanted():
            refused = _refused(port)
            if refused and port.number not in ours:
                taken.append(f"{port.host or '*'}:{port.number} of {port.setting}: {refused}")
            said.append(f"{port.number} {'is ours' if refused else 'is free'}")
        if taken:
            advice = "End what has the port (`ss -ltnp` names it), or choose another one with that setting."
            raise PreflightFailed(name="ports", why="; ".join(taken), advice=advice)
        return ", ".join(said)

    def _wanted(self) -> Iterator[_Port]:
        """Those on which a start would listen."""
        if not (self.settings.enabled and (shutil.which(self.settings.haproxy) or self._is_set_up)):
            yield from _used(_Port("CARE_VOICE_API__PORT", *self.api))
            return
        its, name = self.resolved(), "CARE_VOICE_ENTRANCE"
        yield from _used(
            _Port(f"{name}__PORT" if self.settings.port else "CARE_VOICE_API__PORT", its.host, its.port),
            _Port(f"{name}__HTTP_PORT", its.host, its.http_port),
            _Port(f"{name}__METRICS_PORT", its.metrics_host, its.metrics_port),
            *[_Port(f"{name}__{slot.upper()}_PORT", "127.0.0.1", its.ports[slot]) for slot in SLOTS],
        )

    def _ours(self) -> set[int]:
        """Ports of what runs on this data directory, whatever the settings say now."""
        found = {port for each in self.run_dirs if each.is_dir() for port in _served_in(each)}
        if self._entrance_runs:
            with suppress(OSError):
                config = (self.entrance_dir / "haproxy.cfg").read_text(encoding="utf-8")
                found |= {int(port) for port in _BOUND.findall(config)}
        if self.contained:
            slots = self._deployment.slots
            found |= {port for slot, port in self.settings.ports.items() if slots[slot] is not None}
        return found

    @property
    def _deployment(self) -> Deployment:
        """One that cannot be read is told of by the check of the steward."""
        with suppress(DeploymentUnreadable):
            return DeployFolder(self.data_dir).load() or Deployment(stopping=True)
        return Deployment(stopping=True)

    @property
    def _is_set_up(self) -> bool:
        return not self._deployment.stopping

    @property
    def _entrance_runs(self) -> bool:
        return self.entrance_dir.is_dir() and Entrance(EntranceSettings(), self.entrance_dir).running is not None


def _looked(name: str, look: Callable[[], str]) -> str:
    try:
        return look()
    except OSError as error:
        advice = "Run it as the service's user."
        raise PreflightFailed(name=name, why=f"{error.filename}: {error.strerror}", advice=advice) from error


def _version(program: str) -> str:
    """Raises PreflightFailed where it is no HAProxy, or one that is too old."""
    try:
        told = subprocess.run([program, "-v"], capture_output=True, text=True, timeout=_COMMAND_S, check=False).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise PreflightFailed(name="entrance", why=f"{program} cannot be run: {error}", advice=_INSTALL) from error
    found = _VERSION.search(told)
    if found is None:
        raise PreflightFailed(name="entrance", why=f"{program} does not say that it is HAProxy", advice=_INSTALL)
    version, *parts = found.groups()
    if tuple(map(int, parts)) < _LEAST_VERSION:
        raise PreflightFailed(name="entrance", why=f"{program} is HAProxy {version}, too old", advice=_INSTALL)
    return version


def _used(*ports: _Port) -> Iterator[_Port]:
    """Without those that are 0, for none or any that is free."""
    return (port for port in ports if port.number)


def _served_in(run_dir: Path) -> Iterator[int]:
    pid_file = PidFile(run_dir)
    if pid_file.running_pid() is not None:
        with suppress(ValueError):
            port = urlsplit(pid_file.address()).port
            if port is not None:
                yield port


def _refused(port: _Port) -> str:
    """Why nobody could listen there now; empty where somebody could."""
    host = port.host if port.host not in ("", "*") else "0.0.0.0"  # noqa: S104 - nobody is listened to
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port.number))
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return ""
