"""`care-voice backup`, `restore` and `verify`: all recordings, rows and sound, in a directory or in S3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.filesize import decimal

from care_voice.cli.common import errors_explained, give_up
from care_voice.config import Settings, load_settings
from care_voice.domain.store_errors import BackupInvalid
from care_voice.ops.background import is_served
from care_voice.ops.backup import OnObject, back_up
from care_voice.ops.backup_target import BackupTarget, open_target
from care_voice.ops.restore import check
from care_voice.ops.restore import restore as put_back
from care_voice.service.disk_watch import DiskWatch, same_disk
from care_voice.store.audio import AudioStore
from care_voice.store.audio_opening import DIRECTORY_NAME, open_audio
from care_voice.store.database import Database
from care_voice.store.migrate import require_current
from care_voice.store.opening import open_database
from care_voice.telemetry.metrics import Metrics

_INCOMPLETE = 3
_STEP_PERCENT = 10

Target = Annotated[str, typer.Argument(metavar="TARGET", help="A directory, or s3://bucket/prefix.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Point = Annotated[str | None, typer.Option("--point", help="A point of the backup; the newest without it.")]


def backup(
    target: Target,
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="Points to keep, besides the setting.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read everything in the backup back; what is damaged is copied again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a point to a backup of all recordings, while the service runs or not.

    Sound that the backup has is not copied again. Exit code 3 where sound was missing here, and is in no backup.
    """
    with errors_explained():
        settings = load_settings()
        place = _target(settings, target)
        with _store(settings) as (database, audio):
            require_current(database)
            report = back_up(
                database, audio, place, keep=keep or settings.backup.keep, verify=verify,
                on_object=_progress(silent=as_json), spare=_spare(settings, target),
            )  # fmt: skip
    if as_json:
        _print_json(report)
    else:
        typer.echo(f"{report.point}: {report.rows} rows, {report.objects} audio objects in {target}")
        sizes = {"copied": report.copied_bytes, "kept": report.kept_bytes, "repaired": report.repaired_bytes}
        sizes["freed"] = report.freed_bytes
        typer.echo(", ".join(f"{what} {decimal(size)}" for what, size in sizes.items()))
    _say_missing(report.missing)


def restore(
    source: Target,
    point: Point = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the recordings that are here.")] = False,
    as_json: Json = False,
) -> None:
    """Put a backup back, into SQLite or PostgreSQL, a directory or S3, as the settings say. Stop the service first.

    Everything is read and compared with its digests before a row is replaced, and all rows are replaced at once.
    """
    with errors_explained():
        settings = load_settings()
        _require_stopped(settings)
        place = _target(settings, source)
        with _store(settings) as (database, audio):
            report = put_back(
                database, audio, place, point=point, force=force, on_object=_progress(silent=as_json)
            )  # fmt: skip
    if as_json:
        _print_json(report)
    else:
        typer.echo(f"{report.point}, as of {report.at}: {report.rows} rows, {report.objects} audio objects restored")
        typer.echo(f"copied {decimal(report.copied_bytes)}, kept {decimal(report.kept_bytes)}")
    _say_missing(report.missing)


def verify(source: Target, point: Point = None, as_json: Json = False) -> None:
    """Read a point of a backup from end to end, and compare it with its digests. Exit code 1 where one differs."""
    with errors_explained():
        report = check(_target(load_settings(), source), point, on_object=_progress(silent=as_json))
    if as_json:
        _print_json(report)
    else:
        typer.echo(
            f"{report.point}, as of {report.at}: whole. {report.rows} rows, {report.objects} audio objects,"
            f" {decimal(report.read_bytes)} read"
        )
    _say_missing(report.missing)


def _spare(settings: Settings, target: str) -> Callable[[int], None]:
    """Raises StorageLow where a backup would take the room of the recordings, whose disk it lies on."""
    if target.startswith("s3:") or not same_disk(Path(target).absolute(), settings.disk_places):
        return lambda _bytes: None
    return DiskWatch(settings.disk_places, settings.disk, Metrics()).look_for


def _require_stopped(settings: Settings) -> None:
    """Exits with 1 while the service of this data directory runs: what it took in meanwhile would be lost."""
    if is_served(settings.run_dirs):
        give_up(
            f"the service with the data directory {settings.data_dir} is running.",
            "Stop it first: `care-voice stop`, or ./stop.sh.",
        )


def _target(settings: Settings, text: str) -> BackupTarget:
    """Raises BackupInvalid."""
    root = settings.audio.directory or settings.data_dir / DIRECTORY_NAME
    inside = Path(text).resolve()
    if not text.startswith("s3:") and root.resolve() in (inside, *inside.parents):
        raise BackupInvalid(why=f"{text} is where the recordings are, or lies in it")
    return open_target(text, settings.backup, _scratch(settings))


def _scratch(settings: Settings) -> Path:
    """Where files lie on their way: not in `incoming`, which a service that starts clears away."""
    return settings.data_dir / "scratch"


@contextmanager
def _store(settings: Settings) -> Iterator[tuple[Database, AudioStore]]:
    database = open_database(settings.store, settings.data_dir)
    try:
        yield database, open_audio(settings.audio, settings.data_dir, _scratch(settings))
    finally:
        database.close()


def _progress(*, silent: bool) -> OnObject:
    """Says on stderr how far it is, every tenth of the way."""
    said: set[int] = set()

    def on_object(done: int, all_of_them: int) -> None:
        percent = 100 * done // max(1, all_of_them) // _STEP_PERCENT * _STEP_PERCENT
        if not silent and percent not in said:
            said.add(percent)
            Console(stderr=True).print(f"{done} of {all_of_them} audio objects", highlight=False)

    return on_object


def _say_missing(missing: list[str] | tuple[str, ...]) -> None:
    for key in missing:
        typer.echo(f"Missing before the backup was made: {key}", err=True)
    if missing:
        raise typer.Exit(_INCOMPLETE)


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2))
