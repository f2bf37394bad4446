"""The command line: verbs that parse, call and print."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from care_voice.telemetry.logs import configure_logging

VERBS = {
    "serve": "server",
    "start": "server",
    "stop": "server",
    "transcribe": "transcribe",
    "bench": "bench",
    "tune": "tune",
    "doctor": "doctor",
    "models": "models",
}
"""Name of a command -> module of this package that holds it."""


def build_app(verb: str | None = None) -> typer.Typer:
    """The commands; only `verb` where it is one, since importing the others delays the start of the service."""
    app = typer.Typer(
        name="care-voice", help="Self-hosted speech-to-text.", no_args_is_help=True, pretty_exceptions_enable=False
    )
    app.callback()(options)
    for name in [verb] if verb in VERBS else VERBS:
        module = import_module(f"care_voice.cli.{VERBS[name]}")
        if name == "models":
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from care_voice import __version__  # noqa: PLC0415 - it is looked up, which takes a while

        typer.echo(f"care-voice {__version__}")
        raise typer.Exit


def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Self-hosted speech-to-text that an organisation can trust."""
    configure_logging(level="warning")


def main() -> None:
    """Entry point of the console script."""
    build_app(sys.argv[1] if len(sys.argv) > 1 else None)()
