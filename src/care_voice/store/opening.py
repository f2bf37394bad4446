"""Open the database that the settings name."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from care_voice.store.database import Clock, Database
from care_voice.store.migrate import migrate, require_current
from care_voice.store.settings import StoreSettings
from care_voice.store.sqlite import SqliteDatabase

FILE_NAME = "care-voice.db"


def open_database(settings: StoreSettings, data_dir: Path, clock: Clock | None = None) -> Database:
    """The database; nothing is connected yet. `clock` takes the place of the real one, in tests."""
    if settings.url:
        from care_voice.store.postgres import PostgresDatabase  # noqa: PLC0415 - 60 ms that SQLite never pays

        return PostgresDatabase(settings, clock)
    return SqliteDatabase(data_dir / FILE_NAME, busy_timeout_s=settings.busy_timeout_s, clock=clock or time.time)


def prepare(database: Database, settings: StoreSettings) -> str:
    """Bring the schema up to date as the settings say; what was found, for people.

    Raises:
        SchemaTooNew, SchemaTooOld: This version cannot work on it.
        StoreUnavailable, StoreBusy, StorageFull: It cannot be used now.
    """
    done = [] if settings.migrate == "none" else migrate(database, after=_with_after(settings, database.dialect))
    require_current(database)
    name = "PostgreSQL" if database.dialect == "postgresql" else "SQLite"
    return f"{name}, {len(done)} migrations applied" if done else f"{name}, schema up to date"


def _with_after(settings: StoreSettings, dialect: Literal["sqlite", "postgresql"]) -> bool:
    return settings.migrate == "all" or (settings.migrate == "auto" and dialect == "sqlite")
