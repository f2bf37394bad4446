"""`care-voice models`: list, pull, verify, repair and remove models, and look after the disk that they take."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from care_voice.cli import model_making, model_transfer
from care_voice.cli.common import errors_explained, explain
from care_voice.cli.model_store import model_settings, puller_of, served_model, store_of
from care_voice.cli.progress_shown import progress_shown
from care_voice.config import load_settings
from care_voice.domain.model_errors import ModelError, SignatureProblem
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.manifest import Manifest
from care_voice.models.puller import Pulled, Puller
from care_voice.models.report import Report
from care_voice.models.store import ModelStore
from care_voice.models.upkeep import KEEP_INCOMING_S, Usage, collect, usage

app = typer.Typer(help="List, pull, verify, sign, back up and remove models.", no_args_is_help=True)
model_making.register(app)
model_transfer.register(app)

Name = Annotated[str, typer.Argument(help="Name of a model, as in `care-voice models list`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


@app.command("list")
def list_models(as_json: Json = False) -> None:
    """List the catalogue, and what of it is installed (without checking the bytes: see verify)."""
    with errors_explained():
        store = store_of(model_settings())
        installed = {manifest.name: manifest for manifest in store.installed()}
        rows = [(model, installed.get(model.name)) for model in store.catalogue.models]
    if as_json:
        _print_json([_as_json(store, model, manifest) for model, manifest in rows])
    else:
        Console().print(_table(store, rows))


@app.command()
def show(name: Name) -> None:
    """Everything that is known about a model, as JSON: files and digests, source, licence, who pulled it, when it was
    verified, its signature."""
    with errors_explained():
        puller = puller_of(model_settings())
        model = puller.store.catalogue.get(name)
        manifest = next((each for each in puller.store.installed() if each.name == name), None)
        _print_json({**_as_json(puller.store, model, manifest), **_details(puller, model, manifest)})


@app.command()
def pull(
    name: Annotated[str | None, typer.Argument(help="Name of a model; the one that is served without it.")] = None,
) -> None:
    """Fetch a model, or repair it: only what is missing or damaged is fetched, from where an earlier pull stopped."""
    with errors_explained(), progress_shown() as progress:
        if name is None and load_settings().engine.kind == "remote":
            typer.echo("Nothing to pull: a remote engine has the model.")
            return
        name = name or served_model()
        pulled = puller_of(model_settings()).pull(name, progress)
    _say_pulled(name, pulled)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="Name of a model; all installed models without it.")] = None,
    as_json: Json = False,
) -> None:
    """Hash every file and compare it with the catalogue, and check signatures where the policy asks for them.

    Exit code 1 if anything is not as it should be.
    """
    with errors_explained(), progress_shown(silent=as_json) as progress:
        puller = puller_of(model_settings())
        names = [name] if name else puller.store.manifest_names()
        reports = [puller.store.verify(each, progress) for each in names]
        problems = {report.name: _signature_problem(puller, report) for report in reports}
    if as_json:
        _print_json([_report_json(report, problems[report.name]) for report in reports])
    else:
        _print_reports(reports, problems)
    if not all(report.ok for report in reports) or any(problems.values()):
        raise typer.Exit(1)


@app.command()
def repair(
    name: Annotated[str | None, typer.Argument(help="Name of a model; all installed models without it.")] = None,
) -> None:
    """Verify models and fetch what is damaged, and nothing else. Exit code 1 if one could not be repaired."""
    failed = False
    with errors_explained():
        puller = puller_of(model_settings())
        for each in [name] if name else puller.store.manifest_names():
            try:
                with progress_shown() as progress:
                    pulled = puller.pull(each, progress)
            except ModelError as error:
                failed = True
                explain(error, f"{each}: ")
            else:
                _say_pulled(each, pulled)
    if failed:
        raise typer.Exit(1)


@app.command("rm")
def remove(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget its recorded digests too: the next pull records new ones.")
    ] = False,
) -> None:
    """Delete a model; files that other models share stay."""
    if not yes:
        typer.confirm(f"Delete the model '{name}'?", abort=True)
    with errors_explained():
        store_of(model_settings()).remove(name, forget=forget)
    typer.echo(f"{name}: removed")


@app.command()
def du(as_json: Json = False) -> None:
    """How much disk the models take, and how much of it gc would free."""
    with errors_explained():
        found = usage(store_of(model_settings()))
    if as_json:
        _print_json(msgspec.to_builtins(found))
    else:
        Console().print(_usage_table(found))
        typer.echo(f"Blobs {decimal(found.blobs_bytes)}, interrupted pulls {decimal(found.incoming_bytes)}")
        typer.echo(f"gc would free {decimal(found.reclaimable_bytes)}; {decimal(found.free_bytes)} are free")


@app.command()
def gc(
    everything: Annotated[
        bool, typer.Option("--all", help="Interrupted pulls too, however recent: they start over.")
    ] = False,
) -> None:
    """Delete files that no installed model needs, and pulls that were interrupted more than a week ago."""
    with errors_explained():
        freed = collect(store_of(model_settings()), keep_incoming_s=0.0 if everything else KEEP_INCOMING_S)
    typer.echo(f"{decimal(freed)} freed")


def _say_pulled(name: str, pulled: Pulled) -> None:
    if pulled.fetched:
        sources = ", ".join(sorted(set(pulled.fetched.values())))
        typer.echo(f"{name}: {len(pulled.fetched)} files from {sources}, verified, in {pulled.view}")
    else:
        typer.echo(f"{name}: verified, nothing had to be fetched")


def _signature_problem(puller: Puller, report: Report) -> str:
    """What is wrong with the signature of a model; empty when the policy asks for none."""
    try:
        problem = puller.gate.check(report.name).problem
    except SignatureProblem as error:
        problem = error
    return problem.message if problem else ""


def _table(store: ModelStore, rows: list[tuple[CatalogueModel, Manifest | None]]) -> Table:
    table = Table("Model", "State", "Download", "Memory", "Languages", "Note")
    for model, manifest in rows:
        download, memory = (decimal(size) if size else "not known" for size in (model.total_bytes, model.memory_bytes))
        table.add_row(model.name, _state(store, manifest), download, memory, model.languages, escape(model.note))
    return table


def _state(store: ModelStore, manifest: Manifest | None) -> str:
    if manifest is None:
        return ""
    record = store.record(manifest.name)
    if record is None:
        return "installed"
    return f"verified {record.verified_at[:10]}" if record.verified_ok else "[red]damaged[/]"


def _as_json(store: ModelStore, model: CatalogueModel, manifest: Manifest | None) -> dict[str, object]:
    record = store.record(model.name)
    return {
        "name": model.name,
        "installed": manifest is not None,
        "pulled_at": manifest.pulled_at if manifest else None,
        "pulled_by": manifest.pulled_by if manifest else None,
        "source": manifest.source if manifest else None,
        "verified_at": record.verified_at if record else None,
        "verified_ok": record.verified_ok if record else None,
        "languages": model.languages,
        "total_bytes": model.total_bytes,
        "memory_bytes": model.memory_bytes,
        "licence": model.licence,
        "note": model.note,
        "derived": msgspec.to_builtins(model.derived),
    }


def _details(puller: Puller, model: CatalogueModel, manifest: Manifest | None) -> dict[str, object]:
    files = manifest.files if manifest else model.files
    try:
        signed = puller.gate.check(model.name)
        signature = {"state": signed.state, "signer": signed.key, "expires_at": signed.expires_at}
    except SignatureProblem as error:
        signature = {"state": error.code, "signer": "", "expires_at": None}
    return {
        "format": model.format,
        "origin": model.origin,
        "revision": model.revision,
        "digest": model.digest if model.files else None,
        "tool": manifest.tool if manifest else None,
        "files": msgspec.to_builtins(files),
        "signature": signature,
    }


def _report_json(report: Report, problem: str) -> dict[str, object]:
    files = {file.name: file.state for file in report.files}
    ok = report.ok and not problem
    return {"name": report.name, "ok": ok, "manifest": report.manifest, "files": files, "signature": problem or "ok"}


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))


def _print_reports(reports: list[Report], problems: dict[str, str]) -> None:
    if not reports:
        typer.echo("No models are installed.")
    for report in reports:
        why = report.why and f"damaged: {report.why}"
        typer.echo(f"{report.name}: {why or problems[report.name] or 'ok'}")
    if damaged := [report.name for report in reports if not report.ok]:
        typer.echo(f"Hint: `care-voice models pull {damaged[0]}` fetches only what is damaged.", err=True)


def _usage_table(found: Usage) -> Table:
    table = Table("Model", "Its own", "Shared with others")
    for each in found.models:
        table.add_row(each.name, decimal(each.own_bytes), decimal(each.shared_bytes))
    return table
