"""`care-voice db`: the schema of the database."""

from __future__ import annotations

from typing import Annotated

import typer

from care_voice.cli.common import errors_explained
from care_voice.config import load_settings
from care_voice.store import migrate as migrations
from care_voice.store.database import Database
from care_voice.store.opening import open_database

app = typer.Typer(help="Look at the schema of the database, and bring it up to date.", no_args_is_help=True)

_NOT_CURRENT = 3


@app.command()
def status() -> None:
    """Say which migrations are applied and which are not. Exit code 3 where this version needs one that is not."""
    with errors_explained():
        database = _database()
        try:
            found = migrations.status(database)
        finally:
            database.close()
    for name in found.applied:
        typer.echo(f"{name}  applied")
    for each in found.pending:
        need = "needed by this version" if each.phase == "before" else "once no older version runs"
        typer.echo(f"{each.number:04} {each.name}  not applied: {need}")
    if found.wanting:
        raise typer.Exit(_NOT_CURRENT)


@app.command()
def migrate(
    after: Annotated[
        bool, typer.Option("--after", help="Those too that no older version can live with: none may run any more.")
    ] = False,
) -> None:
    """Apply the migrations that this version needs. The service may run meanwhile, also an older version of it."""
    with errors_explained():
        database = _database()
        try:
            done = migrations.migrate(database, after=after)
        finally:
            database.close()
    for each in done:
        typer.echo(f"{each.number:04} {each.name}  applied")
    if not done:
        typer.echo("nothing to do")


def _database() -> Database:
    settings = load_settings()
    return open_database(settings.store, settings.data_dir)
