"""`care-voice recordings`: what is kept is listed, searched, exported and imported, whether a server runs or not."""

from __future__ import annotations

import typer

from care_voice.cli import recordings_import

app = typer.Typer(help="List, search, export and import recordings.", no_args_is_help=True)
app.command("import")(recordings_import.import_folder)
