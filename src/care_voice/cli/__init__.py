"""The command line: verbs that parse, call and print."""

from __future__ import annotations

from typing import Annotated

import typer

from care_voice import __version__
from care_voice.cli import doctor, models, server, transcribe
from care_voice.telemetry.logs import configure_logging

app = typer.Typer(
    name="care-voice", help="Self-hosted speech-to-text.", no_args_is_help=True, pretty_exceptions_enable=False
)
app.add_typer(models.app, name="models")
app.command("serve")(server.serve)
app.command("start")(server.start)
app.command("stop")(server.stop)
app.command("transcribe")(transcribe.transcribe)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"care-voice {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Self-hosted speech-to-text that an organisation can trust."""
    configure_logging(level="warning")


def main() -> None:
    """Entry point of the console script."""
    app()
