"""The rows of a backup: read over one snapshot into files, and put back in one transaction."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from care_voice.domain.store_errors import BackupInvalid, SchemaTooNew
from care_voice.ops.backup_format import AppliedMigration, Manifest, ObjectRef, encode_lines, rows_name
from care_voice.store import search, tables
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import apply, known_migrations
from care_voice.store.tables import PAGE_ROWS, Table

_LEVEL = 6


@dataclass(frozen=True)
class Snapshot:
    """Rows as they were at one moment (`at`, Unix seconds), a compressed file for each table in `folder`."""

    folder: Path
    at: float
    migrations: tuple[AppliedMigration, ...]
    objects: tuple[ObjectRef, ...]
    """What the rows name, each as long as they say."""
    tables: Mapping[str, tuple[tuple[str, ...], int]] = field(default_factory=dict)
    """Columns and number of rows, by table."""

    def path_of(self, table: str) -> Path:
        return self.folder / f"{table}.jsonl.gz"


def take_snapshot(database: Database, folder: Path) -> Snapshot:
    """Write every table that is kept into `folder`. Others read and write meanwhile.

    Raises:
        StoreUnavailable, StoreBusy: The database cannot be read now.
    """
    return database.read(lambda connection: _taken(connection, folder))


def _taken(connection: Connection, folder: Path) -> Snapshot:
    found = {table.name: (table.columns, _written(connection, table, folder)) for table in _kept(connection)}
    objects: dict[str, int] = {}
    for row in connection.all("objects_of_rows"):
        objects[row["key"]] = max(row["size"], objects.get(row["key"], 0))
    migrations = tuple(
        AppliedMigration(row["number"], row["name"], row["sha256"]) for row in connection.all("applied_migrations")
    )
    refs = tuple(ObjectRef(key, size) for key, size in sorted(objects.items()))
    return Snapshot(folder, connection.now, migrations, refs, found)


def _kept(connection: Connection) -> list[Table]:
    return tables.kept_tables(connection)


def _written(connection: Connection, table: Table, folder: Path) -> int:
    """How many rows there were."""
    count = 0
    with gzip.open(folder / f"{table.name}.jsonl.gz", "wb", compresslevel=_LEVEL) as file:
        for rows in tables.pages(connection, table):
            file.write(encode_lines(rows))
            count += len(rows)
    return count


def put_back(connection: Connection, manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Make the database what it was: the schema of then, its rows, and the steps of the schema since.

    `files` are the rows' files by table, which are known to be whole. What the database held is dropped.

    Raises:
        SchemaTooNew: The backup was made by a later version.
        BackupInvalid: The rows do not fit their tables.
    """
    require_known(manifest)
    # The storage is left to the database whose it was: rows that came from elsewhere are no reason to sweep another's.
    installation = connection.one("installation") if tables.exists(connection, "installation") else None
    tables.drop_all(connection)
    connection.run("create_migrations")
    applied = {migration.number for migration in manifest.migrations}
    _apply(connection, applied)
    for table in tables.kept_tables(connection):
        if table.name in files:
            _fill(connection, table, files[table.name])
    _apply(connection, {migration.number for migration in known_migrations()} - applied)
    if installation is not None:
        connection.run("insert_installation", id=installation["id"])
    connection.run("requeue_restored_jobs", now=connection.now)
    _index(connection)


def require_known(manifest: Manifest) -> None:
    """Raises SchemaTooNew, and BackupInvalid where it is of another history."""
    known = {migration.number: migration.sha256 for migration in known_migrations()}
    for migration in manifest.migrations:
        if migration.number not in known:
            raise SchemaTooNew(found=f"{migration.number:04}", known=f"{max(known):04}")
        if known[migration.number] != migration.sha256:
            raise BackupInvalid(why=f"its schema {migration.number:04} {migration.name} is not the one of this version")


def _apply(connection: Connection, numbers: set[int]) -> None:
    for migration in known_migrations():
        if migration.number in numbers:
            apply(connection, migration)


def _fill(connection: Connection, table: Table, path: Path) -> None:
    rows = _rows(table, path)
    while page := list(islice(rows, PAGE_ROWS)):
        tables.insert(connection, table, page)


def _rows(table: Table, path: Path) -> Iterator[dict[str, object]]:
    decoder = msgspec.json.Decoder(dict[str, str | int | float | None])
    with gzip.open(path) as lines:
        for line in lines:
            row: dict[str, object] = dict(decoder.decode(line))
            if row.keys() != set(table.columns):
                raise BackupInvalid(why=f"a row of {table.name} does not have the columns of its table")
            yield {name: _clean(value) for name, value in row.items()}


def _clean(value: object) -> object:
    """SQLite's texts may hold NUL, and PostgreSQL's cannot."""
    return value.replace("\0", "") if isinstance(value, str) else value


def _index(connection: Connection) -> None:
    """Make the search index again: it is different in each database, and in no backup."""
    after = ""
    while rows := connection.all("recording_ids", after=after, limit=PAGE_ROWS):
        for row in rows:
            search.refresh(connection, row["id"])
        after = rows[-1]["id"]


def fetch_names(manifest: Manifest) -> dict[str, str]:
    """The names of the rows' files in the backup, by table."""
    return {table: rows_name(manifest.point, table) for table in manifest.tables}
