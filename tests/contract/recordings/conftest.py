"""What tests of backups share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from care_voice.ops.backup_settings import BackupSettings
from care_voice.ops.backup_target import BackupTarget, open_target
from care_voice.store.database import Database
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support.installations import Opener, Place


@pytest.fixture
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens empty databases without a schema."""
    opened: list[Database] = []

    def open_one(dialect: str) -> Database:
        url = request.getfixturevalue("postgres_url") if dialect == "postgresql" else ""
        database = open_database(StoreSettings(url=url), tmp_path / f"database-{len(opened)}")
        opened.append(database)
        return database

    yield open_one
    for database in opened:
        database.close()


@pytest.fixture
def here(sqlite_database: Database, tmp_path: Path) -> Place:
    return Place(sqlite_database, tmp_path / "here")


@pytest.fixture
def there(opener: Opener, tmp_path: Path) -> Place:
    return Place(opener("sqlite"), tmp_path / "there")


@pytest.fixture
def target(tmp_path: Path) -> BackupTarget:
    return open_target(str(tmp_path / "backup"), BackupSettings(), tmp_path / "scratch")
