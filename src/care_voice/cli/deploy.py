"""`care-voice deploy`: move the running service to another release, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from care_voice.cli.common import cannot_use, errors_explained, give_up, say_error
from care_voice.cli.slots import entrance_address, entrance_trouble, slot_log, slot_state
from care_voice.config import PREFIX, Settings, load_settings
from care_voice.domain.deploy_errors import NoRollout, StewardNotRunning
from care_voice.domain.errors import SettingsInvalid
from care_voice.domain.ids import new_id
from care_voice.ops.deploy.releases import SLOTS, Release, SlotName
from care_voice.ops.deploy.rollout import Deployment, Phase, Rollout
from care_voice.ops.deploy.settings import parse_steps
from care_voice.ops.deploy.state_file import DeployFolder, Intent, Verb

app = typer.Typer(help="Move the running service to another release, and back.", no_args_is_help=True)

_POLL_S = 0.5
_TAKEN_BACK = 2
_RESTART_S = 10.0
"""So long a steward may be away; systemd starts another one within a second."""

Follow = Annotated[bool, typer.Option("--follow/--no-follow", help="Show each step until the rollout has ended.")]


@app.command()
def start(
    target: Annotated[
        str, typer.Argument(help="Directory of an installation, or an image. Without one: this installation.")
    ] = "",
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the new release: CARE_VOICE_MODEL=small.")
    ] = None,
    steps: Annotated[
        str | None, typer.Option(help="Shares of the traffic in percent, as 5,25,50; an empty text for none.")
    ] = None,
    follow: Follow = True,
) -> None:
    """Start a release beside the one that runs, prove it, give it more and more of the traffic, and then all of it.

    It is taken back by itself where it fails. Exit code 2 then.
    """
    with errors_explained():
        folder = _folder()
        release = Release(_target(target), dict(_pair(each) for each in setting or []))
        _ask(folder, "start", release, None if steps is None else _steps(steps))
    if follow:
        _follow(folder)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False) -> None:
    """What runs in which slot and how it is, whether the entrance runs, and how far a rollout is.

    Exit code 1 where the entrance or the steward does not run as it should.
    """
    with errors_explained():
        settings = load_settings()
        folder = DeployFolder(settings.data_dir)
        deployment = folder.load() or Deployment()
        trouble = entrance_trouble(settings, deployment)
        address = entrance_address(settings)
    states = {slot: slot_state(settings, slot) for slot in SLOTS if deployment.slots[slot] is not None}
    if as_json:
        steward = {"steward": folder.is_stewarded, "states": states, "trouble": trouble}
        shown = msgspec.to_builtins(deployment) | steward
        typer.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
        return
    _print(deployment, states)
    _print_logs(settings, states)
    if not trouble:
        typer.echo(f"Entrance: {address}")
    else:
        say_error(trouble)
    if not folder.is_stewarded:
        say_error("the steward does not run, so that nothing of this goes on.", "./start.sh starts it.")
    if trouble or not folder.is_stewarded:
        raise typer.Exit(1)


@app.command()
def promote(follow: Follow = True) -> None:
    """Give the new release all traffic now, whatever shares are left."""
    _ask_and_follow("promote", follow=follow)


@app.command()
def abort(follow: Follow = True) -> None:
    """Take the rollout back that is under way."""
    _ask_and_follow("abort", follow=follow, wanted=(Phase.ABORTED, Phase.ROLLED_BACK))


@app.command()
def rollback(follow: Follow = True) -> None:
    """Go back to the release before, which is kept for a while after each promotion."""
    _ask_and_follow("rollback", follow=follow, wanted=(Phase.ABORTED, Phase.ROLLED_BACK))


@app.command()
def unused(
    directory: Annotated[Path, typer.Argument(help="Where installations are, each in a directory of its own.")],
) -> None:
    """List the installations of a directory that no slot needs any more."""
    with errors_explained():
        deployment = _folder().load() or Deployment()
    needed = {release.target for release in deployment.slots.values() if release is not None}
    for path in sorted(directory.resolve().iterdir()):
        if path.is_dir() and str(path) not in needed:
            typer.echo(path)


def _ask_and_follow(verb: Verb, *, follow: bool, wanted: tuple[Phase, ...] = (Phase.PROMOTED,)) -> None:
    with errors_explained():
        folder = _folder()
        _ask(folder, verb)
    if follow:
        _follow(folder, wanted)


def _folder() -> DeployFolder:
    return DeployFolder(load_settings().data_dir)


def _ask(
    folder: DeployFolder, verb: Verb, release: Release | None = None, steps: tuple[int, ...] | None = None
) -> None:
    """Exits with 1 where the steward refuses it or cannot be told. Raises DeployError where there is none."""
    try:
        refusal = folder.ask(Intent(new_id("rollout", time.time()), verb, release, steps))
    except OSError as error:
        cannot_use(folder.directory, error)
    if refusal is not None:
        give_up(refusal.message, refusal.hint)


def _target(text: str) -> str:
    """A directory by its whole path; whatever else is an image."""
    return str(Path(text).resolve()) if text and Path(text).is_dir() else text


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name.startswith(PREFIX):
        raise SettingsInvalid(name="--set", why=f"'{text[:60]}' is not {PREFIX}NAME=VALUE")
    return name, value


def _steps(text: str) -> tuple[int, ...]:
    try:
        return parse_steps(tuple(each.strip() for each in text.split(",") if each.strip()))
    except ValueError as error:
        raise SettingsInvalid(name="--steps", why=str(error)) from error


def _follow(folder: DeployFolder, wanted: tuple[Phase, ...] = (Phase.PROMOTED,)) -> None:
    """Print each line as it comes, until the rollout has ended. Exit code 2 where it ended otherwise than wanted."""
    shown, heard = 0, time.monotonic()
    while True:
        with errors_explained():
            rollout = (folder.load() or Deployment()).rollout
            if rollout is None:
                raise NoRollout
            heard = time.monotonic() if folder.is_stewarded else heard
        for line in rollout.lines[shown:]:
            typer.echo(f"{_clock(line.at)}  {line.phase.value:<13} {line.text}")
        shown = len(rollout.lines)
        if rollout.ended:
            break
        if time.monotonic() - heard > _RESTART_S:
            with errors_explained():
                raise StewardNotRunning
        time.sleep(_POLL_S)
    if rollout.phase not in wanted:
        typer.echo(f"Taken back: {rollout.reason}", err=True)
        raise typer.Exit(_TAKEN_BACK)


def _print(deployment: Deployment, states: Mapping[SlotName, str]) -> None:
    table = Table("Slot", "Release", "Part", "State", "Restarts")
    for slot in SLOTS:
        release = deployment.slots[slot]
        table.add_row(
            slot,
            release.name if release else "",
            _part(deployment, slot),
            states.get(slot, ""),
            _restarts(deployment, slot),
        )
    Console().print(table)
    rollout = deployment.rollout
    if rollout is not None:
        typer.echo(f"Last rollout: {rollout.release.name}, {rollout.phase.value}" + _share(rollout))
        for line in rollout.lines:
            typer.echo(f"  {_clock(line.at)}  {line.phase.value:<13} {line.text}")
    if deployment.kept is not None and deployment.kept_until is not None:
        typer.echo(f"Kept for `care-voice deploy rollback` until {_clock(deployment.kept_until)}.")


def _print_logs(settings: Settings, states: Mapping[SlotName, str]) -> None:
    """Where a slot that is not ready says why."""
    for slot, state in states.items():
        log = slot_log(settings, slot)
        if state != "ready" and log is not None:
            typer.echo(f"Why {slot} is not ready: {log}")


def _part(deployment: Deployment, slot: SlotName) -> str:
    if deployment.slots[slot] is None:
        return "empty"
    if slot == deployment.active:
        return "active"
    running = deployment.running
    return "candidate" if running is not None and running.candidate == slot else "kept"


def _restarts(deployment: Deployment, slot: SlotName) -> str:
    """How often it ended by itself, and when last."""
    if deployment.slots[slot] is None:
        return ""
    its = deployment.restarts.get(slot)
    return f"{its.count}, last {_clock(its.last)}" if its else "0"


def _share(rollout: Rollout) -> str:
    return f", {rollout.share} % of the traffic in {rollout.candidate}" if not rollout.ended else ""


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
