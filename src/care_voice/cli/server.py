"""`care-voice start` and `stop`."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import typer
from rich.console import Console
from rich.status import Status

from care_voice.cli.background import PidFile, local_address
from care_voice.cli.common import errors_explained
from care_voice.config import load_settings, run_dir_of
from care_voice.domain.errors import SettingsInvalid
from care_voice.service.lifecycle import LifecycleSettings

_POLL_S = 0.2
_STOP_MARGIN_S = 15.0


def start(
    timeout: Annotated[float, typer.Option(help="Seconds to wait until the service is ready.")] = 1800.0,
) -> None:
    """Run the service in the background and wait until it is ready."""
    with errors_explained():
        settings = load_settings()
    pid_file = PidFile(settings.run_dir)
    process = None if pid_file.running_pid() else pid_file.spawn()
    probed = local_address(settings.api.host, settings.api.port)
    address = f"http://localhost:{settings.api.port}"
    if process is None and pid_file.address() not in ("", probed):
        # It was started with other settings, and answers where those said.
        probed = address = pid_file.address()
    typer.echo(f"Care Voice is {'starting' if process else 'running already'}: {address}")
    with Console(stderr=True).status("starting") as status:
        ready = _wait_until_ready(probed, process, status, timeout)
    if ready:
        typer.echo(f"Ready: {address}   (log: {pid_file.log_path})")
        return
    ended = process is not None and process.poll() is not None
    typer.echo(f"Error: the service {'ended' if ended else 'is not ready yet'}; see {pid_file.log_path}", err=True)
    if ended:
        typer.echo("".join(pid_file.log_path.read_text(encoding="utf-8").splitlines(keepends=True)[-3:]), err=True)
    raise typer.Exit(1)


def stop() -> None:
    """Let the service finish what it has in hand, then end it."""
    pid_file = PidFile(run_dir_of(os.environ))
    if pid_file.running_pid() is None:
        typer.echo("Care Voice is not running.")
        return
    typer.echo("Care Voice is finishing its work.")
    if not pid_file.stop(_drain_timeout_s() + _STOP_MARGIN_S):
        typer.echo("Error: it is still running.", err=True)
        raise typer.Exit(1)
    typer.echo("Care Voice has stopped.")


def _drain_timeout_s() -> float:
    """A setting that is not valid must not keep a service running that was started before it was made."""
    try:
        return load_settings().lifecycle.drain_timeout_s
    except SettingsInvalid:
        return LifecycleSettings().drain_timeout_s


def _wait_until_ready(base: str, process: subprocess.Popen[bytes] | None, status: Status, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    shown = ""
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            return False
        stages = _get(f"{base}/health/startup")
        if stages is not None and stages["complete"] and _get(f"{base}/health/ready", ok_only=True) is not None:
            return True
        line = _line(stages)
        if line != shown:
            shown = line
            status.update(line)
            if not status.console.is_terminal:
                typer.echo(line, err=True)
        time.sleep(_POLL_S)
    return False


def _line(stages: dict[str, Any] | None) -> str:
    """What the start is doing, in tens of percent, so that a log that is no terminal stays short."""
    now = next((s for s in (stages or {}).get("stages", []) if s["state"] in ("running", "failed")), None)
    if now is None:
        return "starting"
    if now["error"]:
        return f"{now['name']}: {now['error']['detail']} {now['error']['hint']}"
    progress = f" {int(now['progress'] * 10) * 10} %" if now["progress"] is not None else ""
    return f"{now['name']}: {now['detail']}{progress}"


def _get(url: str, *, ok_only: bool = False) -> dict[str, Any] | None:
    """JSON from our own service on this machine; None while it does not answer."""
    try:
        with urlopen(url, timeout=2) as answer:  # noqa: S310 - the address is this machine's own
            body: dict[str, Any] = json.load(answer)
            return body
    except HTTPError as error:
        with error:
            return None if ok_only else json.load(error)
    except (URLError, OSError, ValueError):
        return None
