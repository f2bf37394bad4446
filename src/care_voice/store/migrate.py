"""Migrations: numbered SQL files, applied in order, each in the transaction that records it.

`0002_name.before.sql` is applied before the version that needs it is deployed, and the version before can live with it;
`0003_name.after.sql` once no older version runs. A version that meets steps which it does not know works on, unless one
of them was an `after`: these are recorded apart (`breaking_migrations`).

What differs between the databases stands in a block:

    -- only: postgresql
    ...
    -- only: all
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import Literal

import structlog

from care_voice.domain.store_errors import SchemaTooNew, SchemaTooOld
from care_voice.store.database import Connection, Database
from care_voice.store.statements import Dialect

log = structlog.get_logger(__name__)

Phase = Literal["before", "after"]
_FILE = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.(?P<phase>before|after)\.sql")
_ONLY = re.compile(r"^-- only: (sqlite|postgresql|all)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema. `sha256` is that of its file: an applied one is never changed."""

    number: int
    name: str
    phase: Phase
    text: str
    sha256: str

    def statements(self, dialect: Dialect) -> str:
        """What one database executes."""
        pieces = _ONLY.split(self.text)
        blocks = zip(["all", *pieces[1::2]], pieces[0::2], strict=True)
        return "".join(text for only, text in blocks if only in ("all", dialect))


@dataclass(frozen=True, slots=True)
class Status:
    """`applied` and `pending` in order."""

    applied: tuple[str, ...]
    pending: tuple[Migration, ...]

    @property
    def wanting(self) -> tuple[Migration, ...]:
        """Those without which this version does not work."""
        return tuple(migration for migration in self.pending if migration.phase == "before")


@cache
def known_migrations() -> tuple[Migration, ...]:
    """Every migration of this version, in order."""
    folder = resources.files("care_voice.store") / "sql" / "migrations"
    found = []
    for file in folder.iterdir():
        if match := _FILE.fullmatch(file.name):
            text = file.read_text(encoding="utf-8")
            phase: Phase = "before" if match["phase"] == "before" else "after"
            digest = hashlib.sha256(text.encode()).hexdigest()
            found.append(Migration(int(match["number"]), match["name"], phase, text, digest))
    return tuple(sorted(found, key=lambda migration: migration.number))


def migrate(database: Database, *, after: bool) -> list[Migration]:
    """Apply what is missing, those of the phase `after` too where it is asked for; what was applied.

    Several processes may do it at once: one does, the others wait. An `after` that is not applied yet holds up none of
    the `before` behind it: they must not depend on it.

    Raises:
        SchemaTooNew: A later version has done what this one cannot live with.
        StoreUnavailable, StoreBusy, StorageFull: Nothing of the step in hand was done.
    """
    done = []
    while (applied := database.write(partial(_apply_next, after=after))) is not None:
        log.info("migrated", number=applied.number, name=applied.name, phase=applied.phase)
        done.append(applied)
    return done


def status(database: Database) -> Status:
    """What is applied and what is not. Raises SchemaTooNew."""
    return database.read(_status)


def require_current(database: Database) -> None:
    """Whether this version can work on the database.

    Raises:
        SchemaTooNew, SchemaTooOld: It cannot.
    """
    found = status(database)
    if found.wanting:
        applied = found.applied[-1] if found.applied else "none"
        raise SchemaTooOld(found=applied, needed=f"{found.wanting[-1].number:04}")


def apply(connection: Connection, migration: Migration) -> None:
    """Execute a step, whatever was applied before, and record it."""
    connection.script(migration.statements(connection.dialect))
    connection.run(
        "record_migration", number=migration.number, name=migration.name, sha256=migration.sha256, now=connection.now
    )
    if migration.phase == "after":
        connection.run("create_breaks")
        connection.run("record_break", number=migration.number)


def _apply_next(connection: Connection, *, after: bool) -> Migration | None:
    connection.one("lock_migrations")
    connection.run("create_migrations")
    pending = _status(connection).pending
    chosen = next((migration for migration in pending if after or migration.phase == "before"), None)
    if chosen is not None:
        apply(connection, chosen)
    return chosen


def _breaking(connection: Connection) -> set[int]:
    """The applied steps that no version can live with which does not know them."""
    rows = connection.all("breaking_migrations") if connection.one("breaks_exist") else []
    return {row["number"] for row in rows}


def _status(connection: Connection) -> Status:
    rows = connection.all("applied_migrations") if connection.one("migrations_exist") else []
    known = {migration.number: migration for migration in known_migrations()}
    applied = {row["number"] for row in rows}
    if _breaking(connection) - known.keys():
        raise SchemaTooNew(found=f"{max(applied):04}", known=f"{max(known):04}")
    return Status(
        applied=tuple(f"{row['number']:04} {row['name']}" for row in rows),
        pending=tuple(migration for number, migration in known.items() if number not in applied),
    )
