"""What PostgreSQL alone can refuse, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from care_voice.domain.store_errors import StoreUnavailable
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import Migration, apply, migrate
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings

Opener = Callable[..., Database]


@pytest.fixture
def open_postgres(tmp_path: Path) -> Iterator[Opener]:
    opened: list[Database] = []

    def open_one(url: str, **settings: float) -> Database:
        opened.append(open_database(StoreSettings(url=url, **settings), tmp_path))  # type: ignore[arg-type]
        return opened[-1]

    yield open_one
    for database in opened:
        database.close()


def test_a_migration_may_take_longer_than_any_statement(postgres_url: str, open_postgres: Opener) -> None:
    database = open_postgres(postgres_url, statement_timeout_s=0.2)
    migrate(database, after=True)
    slow = Migration(99, "slow", "before", "SELECT pg_sleep(0.5);", "")

    database.write(lambda c: apply(c, slow))

    rows = database.read(lambda c: c.fetch("SELECT number FROM migrations WHERE number = 99", {}))
    assert len(rows) == 1


def test_a_statement_that_takes_too_long_is_not_tried_again(postgres_url: str, open_postgres: Opener) -> None:
    database, tries = open_postgres(postgres_url, statement_timeout_s=0.2), []

    def slow(connection: Connection) -> None:
        tries.append(1)
        connection.fetch("SELECT pg_sleep(5)", {})

    with pytest.raises(StoreUnavailable):
        database.read(slow)
    assert len(tries) == 1


def test_a_role_that_may_not_create_tables_is_told_so(postgres_url: str, open_postgres: Opener) -> None:
    make = "DO $$ BEGIN CREATE ROLE guest LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    open_postgres(postgres_url).write(lambda c: c.script(make))

    with pytest.raises(StoreUnavailable, match="permission denied"):
        migrate(open_postgres(postgres_url.replace("postgres@", "guest@")), after=True)


@pytest.mark.parametrize(
    "url",
    ["postgres//me:TOPSECRET@host/db", "postgresql://me:TOPSECRET%@host/db", "postgresql://me:TOP SECRET@host/db"],
)
async def test_an_address_that_cannot_be_read_gives_no_password_away(
    url: str, open_postgres: Opener, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    database = open_postgres(url, connect_timeout_s=0.5)
    stop = database.listen("jobs", lambda: None)

    with pytest.raises(StoreUnavailable, match="CARE_VOICE_STORE__URL") as caught:
        await database.aread(lambda _: None)
    stop()
    database.close()

    captured = capfd.readouterr()
    assert "SECRET" not in f"{caught.value}{caplog.text}{captured.out}{captured.err}"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (("postgres@/", "nobody:TOPSECRET@/"), 'role "nobody" does not exist'),
        (("?host=", "_not?host="), "does not exist"),
    ],
)
def test_a_login_that_is_refused_is_told_with_its_reason(
    postgres_url: str, open_postgres: Opener, wrong: tuple[str, str], why: str
) -> None:
    database = open_postgres(postgres_url.replace(*wrong), connect_timeout_s=0.5)

    with pytest.raises(StoreUnavailable, match=why) as caught:
        database.read(lambda _: None)
    assert "SECRET" not in caught.value.message


def test_a_server_that_is_not_there_is_told_so(tmp_path: Path, open_postgres: Opener) -> None:
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        open_postgres(f"postgresql://me@/db?host={tmp_path}", connect_timeout_s=0.5).read(lambda _: None)


def test_connections_that_are_all_in_use_are_no_refusal(postgres_url: str, open_postgres: Opener) -> None:
    database = open_postgres(postgres_url, connect_timeout_s=0.5, connections=1)

    with pytest.raises(StoreUnavailable, match="no connection could be made in time"):
        database.read(lambda _: database.read(lambda _: None))
