"""`care-voice models export`, `import`, `backup` and `restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.filesize import decimal

from care_voice.cli.common import errors_explained
from care_voice.cli.model_store import model_settings, store_of
from care_voice.cli.progress_shown import progress_shown
from care_voice.models.acceptance import acceptance
from care_voice.models.backup import BackupReport, backup
from care_voice.models.bundle_import import import_bundle
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.intake import Taken
from care_voice.models.outcome import Outcome
from care_voice.models.restore import restore

Names = Annotated[list[str] | None, typer.Argument(help="Names of models; all that are installed without any.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Recipients = Annotated[
    list[str] | None,
    typer.Option("--recipient", "-r", help="Encrypt to this public key: age1..., ssh-ed25519 ... or ssh-rsa ...."),
]
Identities = Annotated[
    list[Path] | None,
    typer.Option("--identity", "-i", help="File with a private key of age or SSH, for what is encrypted."),
]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("export")(export_models)
    app.command("import")(import_models)
    app.command("backup")(back_up)
    app.command("restore")(restore_models)


def export_models(
    to: Annotated[Path, typer.Option("--to", "-o", help="The file to write; .age is added when it is encrypted.")],
    names: Names = None,
    recipients: Recipients = None,
    as_json: Json = False,
) -> None:
    """Write models into one file for a place without a network, and read it back. A tar, for `models import`."""
    with errors_explained(), progress_shown(silent=as_json) as progress:
        written = export_bundle(
            store_of(model_settings()), names or (), to, recipients=recipients or (), progress=progress
        )
    if as_json:
        _print_json(written)
    else:
        typer.echo(f"{', '.join(written.models)}: exported to {written.path}, {decimal(written.size)}")
        typer.echo(f"SHA-256 {written.sha256}")


def import_models(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What `models export` wrote; - for standard input.")],
    identities: Identities = None,
    as_json: Json = False,
) -> None:
    """Take models out of a file: verified, and refused where this installation knows other digests by their names."""
    with errors_explained():
        settings = model_settings()
        with progress_shown(silent=as_json) as progress:
            taken = import_bundle(
                store_of(settings),
                sys.stdin.buffer if source == Path("-") else source,
                identities=identities or (),
                accept=acceptance(settings.signatures),
                progress=progress,
            )
        _report_taken(taken, "imported", as_json=as_json)


def back_up(
    target: Annotated[
        Path,
        typer.Argument(help="A directory, which gets what is new; or a file by its name (.tar, .age), written whole."),
    ],
    names: Names = None,
    recipients: Recipients = None,
    as_json: Json = False,
) -> None:
    """Back models up, with their records, signatures and the list of your own models. Everything that is in the backup
    is read back and verified, and what is damaged in it is written anew."""
    with errors_explained():
        settings = model_settings()
        with progress_shown(silent=as_json) as progress:
            report = backup(
                store_of(settings),
                target,
                names or (),
                recipients=recipients or (),
                own_models=settings.own_models_file,
                progress=progress,
            )
        if not as_json:
            _say_backed_up(report)
        _finish(report, as_json=as_json)


def restore_models(
    source: Annotated[Path, typer.Argument(help="What `models backup` wrote: a directory or a file.")],
    identities: Identities = None,
    as_json: Json = False,
) -> None:
    """Make every model of a backup whole here. Needs no network; nothing is written for models that are whole."""
    with errors_explained():
        settings = model_settings()
        with progress_shown(silent=as_json) as progress:
            report = restore(
                store_of(settings),
                source,
                identities=identities or (),
                accept=acceptance(settings.signatures),
                own_models=settings.own_models_file,
                progress=progress,
            )
        if report.own_models == "written" and not as_json:
            typer.echo(f"The list of your own models is back: {settings.own_models_file}")
        if report.own_models == "differs":
            typer.echo(
                f"Your own models are listed otherwise here, which was left as it is: {settings.own_models_file}",
                err=True,
            )
        _report_taken(report, "restored", as_json=as_json)


def _say_backed_up(report: BackupReport) -> None:
    for name in report.models:
        typer.echo(f"{name}: backed up to {report.path}")
    for name in report.carried:
        typer.echo(f"{name}: in the backup since before")
    sizes = {"copied": report.copied_bytes, "kept": report.kept_bytes, "repaired": report.repaired_bytes}
    typer.echo(", ".join(f"{what} {decimal(size)}" for what, size in sizes.items()))


def _report_taken(taken: Taken, done: str, *, as_json: bool) -> None:
    if not as_json:
        for name in taken.written:
            typer.echo(f"{name}: {done}, verified")
        for name in taken.kept:
            typer.echo(f"{name}: verified, nothing had to be written")
    _finish(taken, as_json=as_json)


def _finish(outcome: Outcome, *, as_json: bool) -> None:
    """Print the outcome for programs, and raise what went wrong."""
    if as_json:
        refused = {name: {"code": error.code, "message": error.message} for name, error in outcome.refused.items()}
        _print_json({**vars(outcome), "refused": refused})
    outcome.require()


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2))
