"""SQLite in WAL mode: one writer at a time, readers beside it, every commit synced to the disk."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import StoreBusy, StoreUnavailable
from care_voice.store.database import Broken, Clock, Connection, Database, Row
from care_voice.store.statements import Dialect

T = TypeVar("T")
_SPARE_READERS = 8
_CHECKPOINT_TIMEOUT_S = 0.25
"""Writers wait for as long as a checkpoint waits for readers."""
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
)
"""FULL syncs the log with each commit: what was acknowledged survives a loss of power. `secure_delete` overwrites."""


class SqliteConnection(Connection):
    """A transaction on a connection of the pool."""

    dialect: ClassVar[Dialect] = "sqlite"

    def __init__(self, raw: sqlite3.Connection, now: float) -> None:
        super().__init__(now)
        self._raw = raw

    def execute(self, text: str, parameters: Mapping[str, Any]) -> int:
        return self._raw.execute(text, parameters).rowcount

    def execute_many(self, text: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._raw.executemany(text, rows)

    def fetch(self, text: str, parameters: Mapping[str, Any]) -> list[Row]:
        cursor = self._raw.execute(text, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def script(self, text: str) -> None:
        for statement in _statements(text):
            self._raw.execute(statement)


class SqliteDatabase(Database):
    """A file that any number of processes of one machine may open."""

    dialect: ClassVar[Dialect] = "sqlite"

    def __init__(self, path: Path, *, busy_timeout_s: float = 5.0, threads: int = 8, clock: Clock = time.time) -> None:
        super().__init__(threads)
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._clock = clock
        # Writers of one process wait here in turn; SQLite's own waiting is by polling and knows no order.
        self._turn = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(_SPARE_READERS)

    def _transaction(self, work: Callable[[Connection], T], *, write: bool) -> T:
        with _explained():
            return self._write(work) if write else self._read(work)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with self._turn:
            self._writer = self._writer or self._connect()
            connection = SqliteConnection(self._writer, self._clock())
            with _one(self._writer, "BEGIN IMMEDIATE"):
                result = work(connection)
        self._tell(connection.notices)
        return result

    def _read(self, work: Callable[[Connection], T]) -> T:
        try:
            raw = self._readers.get_nowait()
        except queue.Empty:
            raw = self._connect()
        try:
            with _one(raw, "BEGIN"):
                return work(SqliteConnection(raw, self._clock()))
        finally:
            try:
                self._readers.put_nowait(raw)
            except queue.Full:
                raw.close()

    def _connect(self, timeout_s: float | None = None) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        timeout_s = self._busy_timeout_s if timeout_s is None else timeout_s
        raw = sqlite3.connect(self.path, timeout_s, isolation_level=None, check_same_thread=False)
        try:
            self.path.chmod(0o600)
            for pragma in _PRAGMAS:
                raw.execute(pragma)
        except BaseException:
            raw.close()
            raise
        return raw

    def truncate_log(self) -> bool:
        with _explained(), self._turn, closing(self._connect(_CHECKPOINT_TIMEOUT_S)) as raw:
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def _disconnect(self) -> None:
        with self._turn:
            writer, self._writer = self._writer, None
        while not self._readers.empty():
            self._readers.get_nowait().close()
        if writer is not None:
            writer.close()


@contextmanager
def _one(raw: sqlite3.Connection, begin: str) -> Iterator[None]:
    raw.execute(begin)
    try:
        yield
        raw.execute("COMMIT")
    except BaseException:
        # Some errors, such as a full disk, have ended the transaction already.
        if raw.in_transaction:
            with suppress(sqlite3.Error):
                raw.execute("ROLLBACK")
        raise


@contextmanager
def _explained() -> Iterator[None]:
    """SQLite's errors as ours; what is a mistake of the program passes."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StorageFull from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise StoreBusy from error
        if code == sqlite3.SQLITE_PROTOCOL:
            raise Broken(str(error)) from error
        if code in _LOST:
            raise StoreUnavailable(why=str(error)) from error
        raise


_LOST = frozenset(
    {
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
    }
)


def _statements(text: str) -> Iterator[str]:
    """The statements of a script: `executescript` would commit first, and a trigger holds semicolons of its own."""
    held = ""
    for line in text.splitlines(keepends=True):
        held += line
        if line.rstrip().endswith(";") and sqlite3.complete_statement(held):
            yield held
            held = ""
    if held.strip():
        yield held
