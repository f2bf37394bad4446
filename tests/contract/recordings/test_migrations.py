"""Migrations on both databases: they give the schema that is written down, keep what is there, and are applied once.

CARE_VOICE_UPDATE_GOLDENS=1 writes the schema down anew.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from care_voice.domain.store_errors import SchemaTooNew, SchemaTooOld
from care_voice.store import tables
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import Migration, apply, known_migrations, migrate, require_current, status
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support.kept import put
from support.schemas import schema_of

GOLDENS = Path(__file__).parent / "schema"
UPDATE = "CARE_VOICE_UPDATE_GOLDENS"
PROCESSES = 3


@pytest.fixture
def empty_database(request: pytest.FixtureRequest, tmp_path: Path, dialect: str) -> Iterator[Database]:
    """A database without a schema."""
    url = request.getfixturevalue("postgres_url") if dialect == "postgresql" else ""
    database = open_database(StoreSettings(url=url), tmp_path)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def apply_first(database: Database, count: int) -> None:
    def write(connection: Connection) -> None:
        connection.run("create_migrations")
        for migration in known_migrations()[:count]:
            apply(connection, migration)

    database.write(write)


def test_migrations_give_the_schema_that_is_written_down(empty_database: Database, dialect: str) -> None:
    migrate(empty_database, after=True)

    golden, found = GOLDENS / f"{dialect}.txt", schema_of(empty_database)
    if os.environ.get(UPDATE):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("count", range(1, len(known_migrations())))
def test_wherever_an_upgrade_begins_it_ends_at_the_same_schema_and_keeps_what_is_there(
    empty_database: Database, dialect: str, count: int
) -> None:
    apply_first(empty_database, count)
    empty_database.write(put_rows_of_the_first_schema)
    before = rows_of(empty_database)

    applied = migrate(empty_database, after=True)

    assert [each.number for each in applied] == [each.number for each in known_migrations()[count:]]
    assert schema_of(empty_database) == (GOLDENS / f"{dialect}.txt").read_text(encoding="utf-8")
    after = rows_of(empty_database)
    for table, rows in before.items():
        assert [{name: row[name] for name in rows[0]} for row in after[table]] == rows
    require_current(empty_database)


def rows_of(database: Database) -> dict[str, list[dict[str, Any]]]:
    """What is in the tables that the first schema had."""

    def read(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        found = {each.name: each for each in tables.kept_tables(connection) if each.name in ROWS}
        return {
            name: [row for page in tables.pages(connection, table) for row in page] for name, table in found.items()
        }

    return database.read(read)


ROWS: dict[str, dict[str, Any]] = {
    "recordings": {
        "id": "rec_1", "client": "ann", "source": "upload", "state": "complete", "title": "第一次會談", "received": 5,
        "transcript_id": "tr_1", "created_at": 1.5, "updated_at": 2.5,
    },
    "audio_parts": {"recording_id": "rec_1", "start": 0, "length": 5, "key": "recordings/rec_1/1"},
    "assets": {
        "recording_id": "rec_1", "kind": "playback", "key": "recordings/rec_1/2", "media_type": "audio/ogg", "size": 3,
        "sha256": "0", "created_at": 1.0,
    },
    "tags": {"recording_id": "rec_1", "tag": "門診"},
    "events": {"recording_id": "rec_1", "seq": 1, "at": 1.0, "kind": "recording.created", "body_json": "{}"},
    "jobs": {
        "id": "job_1", "recording_id": "rec_1", "kind": "transcribe", "state": "done", "priority": 1, "client": "ann",
        "not_before": 1.0, "created_at": 1.0,
    },
    "windows": {
        "job_id": "job_1", "number": 0, "start_s": 0.0, "end_s": 1.0, "attempt": 1, "decoded_json": "{}",
    },
    "idempotency_keys": {"client": "ann", "key": "k", "request_sha256": "0", "result_id": "rec_1", "created_at": 1.0},
    "transcripts": {
        "id": "tr_1", "recording_id": "rec_1", "job_id": "job_1", "number": 1, "model": "base", "task": "transcribe",
        "language": "zh", "duration_s": 1.0, "created_at": 1.0,
    },
    "segments": {"transcript_id": "tr_1", "id": "seg_1", "place": 1.0, "start_s": 0.0, "end_s": 1.0, "text": "你好"},
    "edits": {
        "transcript_id": "tr_1", "revision": 1, "at": 1.0, "who": "ann", "kind": "set_text", "before_json": '"您好"',
        "after_json": '"你好"',
    },
    "retention_rules": {"id": "rule_1", "scope": "tag", "value": "門診", "days": 1.0, "created_at": 1.0},
    "receipts": {"id": "rcp_1", "recording_id": "rec_0", "at": 1.0, "who": "ann", "reason": "", "body_json": "{}"},
    "webhooks": {"id": "whk_1", "url": "https://x", "secret": "s", "events_json": "[]", "created_at": 1.0},
    "deliveries": {
        "id": "dlv_1", "webhook_id": "whk_1", "event": "job.done", "payload": "{}", "state": "queued",
        "not_before": 1.0, "created_at": 1.0,
    },
    "delivery_attempts": {"delivery_id": "dlv_1", "attempt": 1, "at": 1.0, "took_s": 0.5},
}  # fmt: skip


def put_rows_of_the_first_schema(connection: Connection) -> None:
    for table, row in ROWS.items():
        put(connection, table, **row)


_MIGRATE = """
import sys
from pathlib import Path
from care_voice.store.migrate import migrate
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
database = open_database(StoreSettings(url=sys.argv[1], busy_timeout_s=30.0), Path(sys.argv[2]))
sys.stdin.readline()
print(len(migrate(database, after=True)))
database.close()
"""


def test_processes_that_migrate_at_once_apply_each_step_once(
    request: pytest.FixtureRequest, tmp_path: Path, dialect: str
) -> None:
    url = request.getfixturevalue("postgres_url") if dialect == "postgresql" else ""
    command = [sys.executable, "-c", _MIGRATE, url, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(PROCESSES)]  # type: ignore[call-overload]

    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate() for process in processes]

    assert [process.returncode for process in processes] == [0] * PROCESSES, answers
    assert sum(int(out.splitlines()[-1]) for out, _ in answers) == len(known_migrations())


def from_the_future(phase: Literal["before", "after"]) -> Callable[[Connection], None]:
    text = "ALTER TABLE recordings ADD COLUMN mood TEXT;"
    return lambda connection: apply(connection, Migration(9999, "future", phase, text, "0"))


def test_a_version_goes_on_beside_a_later_one_that_prepared_the_database_for_itself(database: Database) -> None:
    database.write(from_the_future("before"))

    require_current(database)
    assert migrate(database, after=True) == []
    assert status(database).applied[-1] == "9999 future"


def test_a_database_that_a_later_version_finished_is_refused_and_left_alone(database: Database) -> None:
    database.write(from_the_future("after"))
    before = schema_of(database)

    refusals: list[Callable[[], object]] = [
        lambda: migrate(database, after=True), lambda: status(database), lambda: require_current(database),
    ]  # fmt: skip
    for refused in refusals:
        with pytest.raises(SchemaTooNew, match="9999"):
            refused()

    assert schema_of(database) == before


def test_a_database_that_was_never_migrated_is_told_so(empty_database: Database) -> None:
    with pytest.raises(SchemaTooOld, match="none"):
        require_current(empty_database)


def test_a_step_that_fails_leaves_nothing_of_itself(
    empty_database: Database, dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = known_migrations()
    broken = replace(steps[1], text=f"{steps[1].text}\nCREATE TABLE half (id TEXT);\nINSERT INTO nowhere VALUES (1);\n")
    monkeypatch.setattr("care_voice.store.migrate.known_migrations", lambda: (steps[0], broken, *steps[2:]))

    with pytest.raises(Exception, match="nowhere"):
        migrate(empty_database, after=True)

    monkeypatch.undo()
    assert [each.split()[0] for each in status(empty_database).applied] == ["0001"]
    assert "half" not in schema_of(empty_database)
    migrate(empty_database, after=True)
    assert schema_of(empty_database) == (GOLDENS / f"{dialect}.txt").read_text(encoding="utf-8")


def test_the_numbers_of_migrations_are_unique() -> None:
    numbers = [each.number for each in known_migrations()]
    assert len(set(numbers)) == len(numbers)
