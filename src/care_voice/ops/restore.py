"""Put a backup of recordings back, and check one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog

from care_voice.domain.recordings import Part
from care_voice.domain.store_errors import AudioMissing, BackupInvalid, ServiceRunning, TargetNotEmpty
from care_voice.ops.backup import OnObject
from care_voice.ops.backup_format import AudioObject, Manifest, StoredFile, audio_name, objects_name
from care_voice.ops.backup_rows import fetch_names, put_back, require_known
from care_voice.ops.backup_target import BackupTarget
from care_voice.store import doomed, nodes, tables
from care_voice.store.audio import AudioStore, Digest
from care_voice.store.database import Connection, Database

log = structlog.get_logger(__name__)

_MOST_NAMED = 10
_ALIVE_S = 60.0
"""A node says several times as often that it is alive."""


@dataclass
class RestoreReport:
    """What was put back. Sizes in bytes."""

    point: str
    at: str
    rows: int
    objects: int
    copied_bytes: int = 0
    kept_bytes: int = 0
    """Sound that was here already, and whole."""
    missing: tuple[str, ...] = ()
    """Objects that were lost before the backup was made."""


@dataclass(frozen=True)
class CheckReport:
    """A point that was read from end to end, and is whole."""

    point: str
    at: str
    rows: int
    objects: int
    read_bytes: int
    missing: tuple[str, ...] = ()


def check(
    target: BackupTarget, point: str | None = None, on_object: OnObject = lambda _done, _all: None
) -> CheckReport:
    """Read all of a point, the newest where none is named, and compare it with its digests.

    Raises:
        BackupInvalid: It says which files are missing or damaged.
    """
    manifest = target.manifest(point or target.newest())
    faults = [fault for name, file in _small_files(manifest) if (fault := _fault(target, name, file))]
    if not faults:
        for done, each in enumerate(target.objects(manifest), 1):
            if fault := _fault(target, audio_name(each.key), StoredFile(each.size, each.sha256)):
                faults.append(fault)
            on_object(done, manifest.objects)
    if faults:
        more = f"; and {len(faults) - _MOST_NAMED} more" if len(faults) > _MOST_NAMED else ""
        raise BackupInvalid(why="; ".join(faults[:_MOST_NAMED]) + more)
    read = manifest.object_bytes + sum(file.size for _, file in _small_files(manifest))
    return CheckReport(manifest.point, manifest.at, _rows(manifest), manifest.objects, read, manifest.missing)


def restore(
    database: Database,
    audio: AudioStore,
    target: BackupTarget,
    *,
    point: str | None = None,
    force: bool = False,
    on_object: OnObject = lambda _done, _all: None,
) -> RestoreReport:
    """Make the database and the storage what they were at a point, the newest where none is named.

    The sound comes first; the rows are replaced in one transaction, which is begun when everything has been read and
    found whole: until it is committed, everything is as it was. No service may run on the database meanwhile.

    Raises:
        ServiceRunning: A node was heard of within the last minute; `force` does not change that.
        TargetNotEmpty: There are recordings, and `force` does not say that they may go.
        BackupInvalid: A file of the backup is missing or damaged; it is named.
        SchemaTooNew: The backup was made by a later version.
        StoreUnavailable, StoreBusy, AudioUnavailable, BackupUnavailable, StorageFull: See there.
    """
    target.prepare_scratch()
    manifest = target.manifest(point or target.newest())
    require_known(manifest)
    database.read(partial(_require_free, force=force))
    report = RestoreReport(manifest.point, manifest.at, _rows(manifest), manifest.objects, missing=manifest.missing)
    with _rows_files(target, manifest) as files:
        keys = _bring_sound(audio, target, manifest, report, on_object)
        database.write(partial(_replace, manifest=manifest, files=files, keys=keys, force=force))
    log.info("restored", point=manifest.point, objects=manifest.objects)
    return report


def _replace(
    connection: Connection, manifest: Manifest, files: dict[str, Path], keys: set[str], *, force: bool
) -> None:
    _require_free(connection, force=force)
    has_rows = tables.exists(connection, "recordings")
    replaced = {row["key"] for row in connection.all("objects_of_rows")} if has_rows else set()
    put_back(connection, manifest, files)
    # Sound goes with the rows that are replaced. What no row named stays: perhaps those rows are what was lost.
    doomed.doom(connection, replaced - keys)


def _require_free(connection: Connection, *, force: bool) -> None:
    """Raises ServiceRunning, whatever `force` says, and TargetNotEmpty. A database without a schema is free."""
    if not connection.one("migrations_exist"):
        return
    _require_no_node(connection)
    if not force:
        _require_empty(connection)


def _require_no_node(connection: Connection) -> None:
    """Raises ServiceRunning: what a node takes in meanwhile would be lost, and what it works on would be another's."""
    for node in nodes.every(connection) if tables.exists(connection, "nodes") else ():
        silent_s = connection.now - node.seen_at
        if abs(silent_s) < _ALIVE_S:
            named = f"{node.id} on {node.host} (process {node.pid})"
            raise ServiceRunning(node=named, seconds=max(0, round(silent_s)))


def _require_empty(connection: Connection) -> None:
    row = connection.one("count_recordings")
    assert row is not None
    if row["count"]:
        raise TargetNotEmpty(what=f"the database holds {row['count']}")


@contextmanager
def _rows_files(target: BackupTarget, manifest: Manifest) -> Iterator[dict[str, Path]]:
    """The rows' files here, each of them whole. Raises BackupInvalid."""
    with ExitStack() as stack:
        yield {
            table: stack.enter_context(target.fetched(name, manifest.tables[table].file))
            for table, name in fetch_names(manifest).items()
        }


def _bring_sound(
    audio: AudioStore, target: BackupTarget, manifest: Manifest, report: RestoreReport, on_object: OnObject
) -> set[str]:
    """Have every object of the point in the storage, under its own key; the keys. Raises BackupInvalid."""
    keys: set[str] = set()
    for done, each in enumerate(target.objects(manifest), 1):
        if _is_here(audio, each):
            report.kept_bytes += each.size
        else:
            with target.fetched(audio_name(each.key), StoredFile(each.size, each.sha256)) as path:
                audio.put_file(each.key, path)
            report.copied_bytes += each.size
        keys.add(each.key)
        on_object(done, manifest.objects)
    return keys


def _is_here(audio: AudioStore, each: AudioObject) -> bool:
    """Whether the storage has the object, byte for byte: a restore that was broken off goes on."""
    digest = Digest()
    try:
        for _ in digest.over(audio.read([Part(0, each.size, each.key)])):
            pass
    except AudioMissing:
        return False
    return digest.sha256 == each.sha256


def _small_files(manifest: Manifest) -> Iterator[tuple[str, StoredFile]]:
    for table, name in fetch_names(manifest).items():
        yield name, manifest.tables[table].file
    yield objects_name(manifest.point), manifest.audio


def _fault(target: BackupTarget, name: str, file: StoredFile) -> str | None:
    try:
        target.check(name, file)
    except BackupInvalid as error:
        return str(error.fields["why"])
    return None


def _rows(manifest: Manifest) -> int:
    return sum(each.rows for each in manifest.tables.values())
