"""Real databases for tests: SQLite in a file, and PostgreSQL 15 or later started for the session."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from care_voice.store.database import Database
from care_voice.store.migrate import migrate
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings

_names = count(1)


class PostgresServer:
    """A server with a data directory of its own, reachable through a Unix socket alone.

    It does not sync: tests kill it, but the kernel lives on and keeps what was written.
    """

    def __init__(self, binaries: Path, home: Path) -> None:
        self._binaries, self._home = binaries, home
        self._data = home / "data"
        self._migrated = ""

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self._home} -c max_connections=60 -c shared_buffers=64MB -c fsync=off"
        log = self._home / "server.log"
        self._run("pg_ctl", "-D", str(self._data), "-l", str(log), "-o", options, "-w", "-t", "60", "start")

    def create(self) -> None:
        form = ("-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8")
        self._run("initdb", "-D", str(self._data), *form, "--no-sync")

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is what a loss of power does."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def restart(self) -> None:
        self.stop("immediate")
        self.start()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._home}"

    def new_database(self, template: str = "template0") -> str:
        """The address of a new database that no other test uses: an empty one, or a copy of another."""
        name = f"test_{os.getpid()}_{next(_names)}"
        self._order(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def migrated_database(self) -> str:
        """The address of a new database with the whole schema: a copy of one that was migrated."""
        if not self._migrated:
            url = self.new_database()
            # Nobody may be connected to a database that is copied.
            with closing(open_database(StoreSettings(url=url), self._home)) as database:
                migrate(database, after=True)
            self._migrated = _name_in(url)
        return self.new_database(self._migrated)

    def drop(self, url: str) -> None:
        self._order(f"DROP DATABASE {_name_in(url)} WITH (FORCE)")

    def _order(self, statement: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), *arguments], check=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=self._home, **_as_somebody(),
        )  # fmt: skip


def _name_in(url: str) -> str:
    return url.removeprefix("postgresql://postgres@/").split("?")[0]


def find_postgres() -> Path | None:
    """The directory of the newest server's programs; Debian keeps them off the path."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


def _as_somebody() -> dict[str, int | list[int]]:
    """PostgreSQL refuses to run as root; the package has made a user for it."""
    if os.getuid() != 0:
        return {}
    entry = pwd.getpwnam("postgres")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def running_postgres() -> Iterator[PostgresServer | None]:
    """A server until the block ends; None where PostgreSQL is not installed."""
    binaries = find_postgres()
    if binaries is None:
        yield None
        return
    home = Path(tempfile.mkdtemp(prefix="care-voice-pg-"))
    try:
        if os.getuid() == 0:
            os.chown(home, pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid)
        server = PostgresServer(binaries, home)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop("immediate")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running server; the test is skipped where PostgreSQL is not installed."""
    with running_postgres() as server:
        if server is None:
            pytest.skip("PostgreSQL is not installed")
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database of its own."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def migrated_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database of its own with the whole schema."""
    url = postgres_server.migrated_database()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """SQLite with the whole schema."""
    yield from _opened(StoreSettings(), tmp_path)


@pytest.fixture
def postgres_database(migrated_url: str, tmp_path: Path) -> Iterator[Database]:
    """PostgreSQL with the whole schema."""
    yield from _opened(StoreSettings(url=migrated_url), tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Each database with the whole schema."""
    url = request.getfixturevalue("migrated_url") if request.param == "postgresql" else ""
    yield from _opened(StoreSettings(url=url), tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def open_clocked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[Callable[[], float]], Database]]:
    """Opens a database with the whole schema and a clock of the test's own."""
    url = request.getfixturevalue("migrated_url") if request.param == "postgresql" else ""
    opened: list[Database] = []

    def open_one(clock: Callable[[], float]) -> Database:
        made = open_database(StoreSettings(url=url), tmp_path / str(len(opened)), clock)
        opened.append(made)
        migrate(made, after=True)
        return made

    yield open_one
    for each in opened:
        each.close()


def _opened(settings: StoreSettings, folder: Path) -> Iterator[Database]:
    made = open_database(settings, folder)
    try:
        migrate(made, after=True)
        yield made
    finally:
        made.close()
