"""`care-voice entrance`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from care_voice.app.stewarding import entrance_settings
from care_voice.cli.common import errors_explained
from care_voice.config import load_settings
from care_voice.ops.entrance.rendering import Layout, rendered
from care_voice.ops.entrance.settings import EntranceSettings, SlotName

app = typer.Typer(help="The one entrance before the service's slots (HAProxy).", no_args_is_help=True)

_HOW = "HOST:PORT of the slot {slot}, where it is not on this machine, as in Compose; a host is a name or an address."


@app.callback()
def _entrance() -> None:
    """The one entrance before the service's slots (HAProxy)."""


@app.command("config")
def print_config(
    blue: Annotated[str, typer.Option(help=_HOW.format(slot="blue"))] = "",
    green: Annotated[str, typer.Option(help=_HOW.format(slot="green"))] = "",
    run_dir: Annotated[Path, typer.Option(help="Where HAProxy puts its sockets.")] = Path("/var/run/haproxy"),
) -> None:
    """Print the configuration for a HAProxy that is not started by this program. The settings of ENTRANCE count."""
    with errors_explained():
        settings = entrance_settings(load_settings())
    typer.echo(rendered(settings, _layout(settings, {"blue": blue, "green": green}, run_dir)), nl=False)


def _layout(settings: EntranceSettings, given: dict[SlotName, str], run_dir: Path) -> Layout:
    slots: dict[SlotName, str] = {slot: given[slot] or f"127.0.0.1:{port}" for slot, port in settings.ports.items()}
    return Layout.within(run_dir, run_dir / "servers.state", slots)
