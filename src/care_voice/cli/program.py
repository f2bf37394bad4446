"""The program as Typer sees it, without its verbs."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from care_voice.telemetry.logs import configure_logging


def new_program() -> typer.Typer:
    """A program that has no verbs yet."""
    app = typer.Typer(
        name="care-voice", help="Self-hosted speech-to-text.", no_args_is_help=True, pretty_exceptions_enable=False
    )
    app.callback()(options)
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
    # A database that is away is told once, by an error of ours, and not at each try by the driver as well.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
