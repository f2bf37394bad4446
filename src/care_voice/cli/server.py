"""`care-voice start` and `stop`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import typer
from msgspec.structs import replace
from rich.console import Console
from rich.status import Status

from care_voice.cli.common import cannot_use, errors_explained
from care_voice.cli.slots import NO_STEWARD, entrance_address, entrance_trouble, slot_log
from care_voice.config import ENTRANCE_FOLDER, Settings, data_dir_of, load_settings, run_dirs_of
from care_voice.domain.deploy_errors import DeploymentUnreadable, StewardNotRunning
from care_voice.domain.errors import SettingsInvalid
from care_voice.domain.ids import new_id
from care_voice.ops.background import PidFile, is_served, local_address
from care_voice.ops.deploy.releases import Release
from care_voice.ops.deploy.rollout import Deployment
from care_voice.ops.deploy.state_file import DeployFolder, Intent
from care_voice.ops.entrance.settings import EntranceSettings
from care_voice.service.lifecycle import LifecycleSettings

if TYPE_CHECKING:
    from care_voice.ops.entrance.keeper import Entrance

_POLL_S = 0.2
_STOP_MARGIN_S = 15.0
_SOME_BYTES = 1 << 20
_DOOR_S = 10.0
"""A steward that has just been started may still be about to start the entrance."""

_LOOK_S = 60.0
"""A steward ends after the look that it is at, which may wait for HAProxy."""


def start(
    timeout: Annotated[float, typer.Option(help="Seconds to wait until the service is ready.")] = 1800.0,
    alone: Annotated[
        bool,
        typer.Option("--alone", help="Without an entrance before it, and so without upgrades that nobody notices."),
    ] = False,
) -> None:
    """Run the service in the background and wait until it is ready.

    Where HAProxy is installed it runs behind an entrance, so that `care-voice deploy` can exchange it.
    """
    with errors_explained():
        settings = load_settings()
    try:
        if alone or not _has_entrance(settings) or PidFile(settings.run_dir).running_pid():
            _start_alone(settings, timeout)
        else:
            _start_stewarded(settings, timeout)
    except OSError as error:
        cannot_use(settings.data_dir, error)


def _start_alone(settings: Settings, timeout: float) -> None:
    pid_file = PidFile(settings.run_dir)
    process = None if pid_file.running_pid() else pid_file.spawn("serve")
    probed = local_address(settings.api.host, settings.api.port)
    address = f"http://localhost:{settings.api.port}"
    if process is None and pid_file.address() not in ("", probed):
        # It was started with other settings, and answers where those said.
        probed = address = pid_file.address()
    _say_and_wait(_Started(address, lambda: probed, process, (pid_file.log_path,)), timeout)


def _start_stewarded(settings: Settings, timeout: float) -> None:
    with errors_explained():
        address = entrance_address(settings)
        folder, pid_file = DeployFolder(settings.data_dir), PidFile(settings.run_dir, "steward")
        deployment = folder.load() or Deployment()
    process = None if folder.is_stewarded else pid_file.spawn("steward")
    release, log = deployment.slots[deployment.active] or Release(), slot_log(settings, deployment.active)
    logs = (pid_file.log_path, log) if log else (pid_file.log_path,)
    # A slot is asked itself how far it is: through the entrance nobody is told more than whether it is ready.
    started = _Started(
        address,
        lambda: _active_slot_address(settings, folder),
        process,
        logs,
        lambda: (
            entrance_trouble(settings, folder.load() or Deployment()) or ("" if folder.is_stewarded else NO_STEWARD)
        ),
    )
    if release.name != Release().name:
        typer.echo(f"What was deployed last is served: {release.name}")
    _say_and_wait(started, timeout)
    if process is None:
        typer.echo("To serve another version or other settings: ./deploy.sh, or `care-voice deploy start`.")


def _active_slot_address(settings: Settings, folder: DeployFolder) -> str:
    """It may be another slot's a moment later."""
    return local_address("127.0.0.1", settings.entrance.ports[(folder.load() or Deployment()).active])


def _has_entrance(settings: Settings) -> bool:
    return settings.entrance.enabled and shutil.which(settings.entrance.haproxy) is not None


@dataclass(frozen=True, slots=True)
class _Started:
    """What was started, or runs already (`process` is None): where people find it, and where it is asked how it is."""

    address: str
    probed: Callable[[], str]
    process: subprocess.Popen[bytes] | None
    logs: tuple[Path, ...]
    """The log of the process is the first one."""

    trouble: Callable[[], str] = str
    """Why nobody gets in although the service is ready; empty for nothing."""


def _say_and_wait(started: _Started, timeout: float) -> None:
    process, address = started.process, started.address
    typer.echo(f"Care Voice is {'starting' if process else 'running already'}: {address}")
    logs = ", ".join(map(str, started.logs))
    with Console(stderr=True).status("starting") as status:
        ready = _wait_until_ready(started, status, timeout)
    trouble = started.trouble() if ready else ""
    if ready and not trouble:
        typer.echo(f"Ready: {address}   (log: {logs})")
        return
    ended = process is not None and process.poll() is not None
    why = trouble or f"the service {'ended' if ended else 'is not ready yet'}; see {logs}"
    typer.echo(f"Error: {why}", err=True)
    if ended:
        _say_last_words(started.logs[0])
    raise typer.Exit(1)


def _say_last_words(log: Path) -> None:
    if _is_full(log.parent):
        typer.echo(f"The disk of {log.parent} is full, so that its log may lack the reason.", err=True)
    typer.echo("".join(log.read_text(encoding="utf-8").splitlines(keepends=True)[-3:]), err=True)


def stop() -> None:
    """Let the service finish what it has in hand, then end it, with its entrance."""
    data_dir = data_dir_of(os.environ)
    try:
        _stop(data_dir)
    except OSError as error:
        cannot_use(data_dir, error)


def _stop(data_dir: Path) -> None:
    folder, run_dirs = DeployFolder(data_dir), run_dirs_of(data_dir)
    with errors_explained():
        contained = not folder.is_stewarded and _has_containers(folder)
    if not (folder.is_stewarded or contained or is_served(run_dirs) or _entrance_runs(data_dir)):
        typer.echo("Care Voice is not running.")
        return
    typer.echo("Care Voice is finishing its work.")
    timeout_s = _drain_timeout_s() + _STOP_MARGIN_S
    with errors_explained():
        if contained:
            stopped = _stop_containers(folder, data_dir, timeout_s)
        else:
            stopped = (_stop_stewarded if folder.is_stewarded else _stop_each)(data_dir, timeout_s)
    if not stopped:
        typer.echo("Error: it is still running.", err=True)
        raise typer.Exit(1)
    typer.echo("Care Voice has stopped.")


def _stop_stewarded(data_dir: Path, timeout_s: float) -> bool:
    """Raises StewardNotRunning where the steward does not answer, OSError where it cannot be told."""
    folder = DeployFolder(data_dir)
    try:
        folder.ask(Intent(new_id("intent", time.time()), "stop"))
    except (OSError, StewardNotRunning):
        # Neither what is asked nor what the steward makes of it can be written on a full disk.
        if not (_is_full(folder.directory) and _end_steward(folder)):
            raise
        return _stop_each(data_dir, timeout_s)
    return _has_resigned(folder, timeout_s)


def _is_full(directory: Path) -> bool:
    return shutil.disk_usage(directory).free < _SOME_BYTES


def _end_steward(folder: DeployFolder) -> bool:
    """End the steward alone, without a word on the disk; whether it has ended. What it looked after goes on, and only
    what are processes can be ended without it."""
    pid = None if _has_containers(folder) else folder.steward_pid
    if pid is None:
        return False
    typer.echo("The disk is full, so that the steward cannot be asked: it is ended, and then each part by itself.")
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    return _has_resigned(folder, _LOOK_S)


def _has_resigned(folder: DeployFolder, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if not folder.is_stewarded:
            return True
        time.sleep(_POLL_S)
    return False


def _has_containers(folder: DeployFolder) -> bool:
    """Whether there may be containers that a steward has left behind; only a steward can tell. Raises DeployError."""
    deployment = folder.load()
    if deployment is None or deployment.stopped:
        return False
    try:
        return load_settings().deploy.host == "container"
    except SettingsInvalid:
        return False


def _stop_containers(folder: DeployFolder, data_dir: Path, timeout_s: float) -> bool:
    """What a steward left behind that was killed, by one more, which starts nothing."""
    folder.leave(Intent(new_id("intent", time.time()), "stop"))
    process = PidFile(run_dirs_of(data_dir)[0], "steward").spawn("steward")
    with suppress(subprocess.TimeoutExpired):
        return process.wait(timeout_s) == 0
    return False


def _stop_each(data_dir: Path, timeout_s: float) -> bool:
    """What runs without a steward: a service alone, or what a steward left behind that was killed."""
    stopped = [PidFile(each).stop(timeout_s) for each in run_dirs_of(data_dir) if each.is_dir()]
    entrance = _entrance_left(data_dir)
    if entrance is not None:
        stopped.append(entrance.stop(timeout_s))
    if all(stopped):
        _note_stop(DeployFolder(data_dir))
    return all(stopped)


def _note_stop(folder: DeployFolder) -> None:
    """As the steward would have done, so that nobody misses it later. A full disk keeps nobody from stopping."""
    with suppress(OSError, DeploymentUnreadable):
        deployment = folder.load()
        if deployment is not None:
            folder.save(replace(deployment, stopping=True, stopped=True))


def _entrance_runs(data_dir: Path) -> bool:
    """Where steward and slots were killed, it still holds the port."""
    entrance = _entrance_left(data_dir)
    return entrance is not None and entrance.running is not None


def _entrance_left(data_dir: Path) -> Entrance | None:
    """The entrance of a data directory that ever had one."""
    directory = data_dir / ENTRANCE_FOLDER
    if not directory.is_dir():
        return None
    from care_voice.ops.entrance.keeper import Entrance  # noqa: PLC0415 - only here

    return Entrance(EntranceSettings(), directory)


def _drain_timeout_s() -> float:
    """A setting that is not valid must not keep a service running that was started before it was made."""
    try:
        return load_settings().lifecycle.drain_timeout_s
    except SettingsInvalid:
        return LifecycleSettings().drain_timeout_s


def _wait_until_ready(started: _Started, status: Status, timeout_s: float) -> bool:
    """Whether the service has become ready in time. People may still have trouble with its entrance."""
    process = started.process
    deadline = time.monotonic() + timeout_s
    shown = ""
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            return False
        base = started.probed()
        stages = _get(f"{base}/health/startup")
        # A container takes this machine for anybody, and tells the stages to operators alone.
        complete = stages is not None and stages.get("complete", True)
        if complete and _get(f"{base}/health/ready", ok_only=True) is not None:
            _wait_for_the_door(started, min(deadline, time.monotonic() + _DOOR_S))
            return True
        line = _line(stages)
        if line != shown:
            shown = line
            status.update(line)
            if not status.console.is_terminal:
                typer.echo(line, err=True)
        time.sleep(_POLL_S)
    return False


def _wait_for_the_door(started: _Started, deadline: float) -> None:
    while started.trouble() and time.monotonic() < deadline:
        time.sleep(_POLL_S)


def _line(stages: dict[str, Any] | None) -> str:
    """What the start is doing, in tens of percent, so that a log that is no terminal stays short."""
    now = next((s for s in (stages or {}).get("stages", []) if s["state"] in ("running", "failed")), None)
    if now is None:
        return "starting"
    if now["error"]:
        return f"{now['name']}: {now['error']['detail']} {now['error']['hint']}"
    progress = f" {int(now['progress'] * 10) * 10} %" if now["progress"] is not None else ""
    what = f"{now['detail']}{progress}".strip()
    return f"{now['name']}: {what}" if what else now["name"]


def _get(url: str, *, ok_only: bool = False) -> dict[str, Any] | None:
    """JSON from our own service on this machine; None while it does not answer."""
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - the address is this machine's own
            return _document(answer)
    except HTTPError as error:
        with error:
            return None if ok_only else _document(error)
    except (URLError, OSError):
        return None


def _document(answer: IO[bytes]) -> dict[str, Any] | None:
    """None where it is no JSON object: another program listens there."""
    with suppress(ValueError):
        body = json.load(answer)
        return body if isinstance(body, dict) else None
    return None
