"""PostgreSQL through psycopg: a pool of connections, news by LISTEN and NOTIFY."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Self, TypeVar

import psycopg
import psycopg.conninfo
import structlog
from psycopg import errors, sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import StoreUnavailable
from care_voice.store.database import Broken, Clock, Connection, Database, Row
from care_voice.store.settings import StoreSettings
from care_voice.store.statements import Dialect

log = structlog.get_logger(__name__)
T = TypeVar("T")
_Raw = psycopg.Connection[DictRow]
_CHANNEL = "care_voice"
_LISTEN_POLL_S = 1.0
_BAD_ADDRESS = "CARE_VOICE_STORE__URL is no address of PostgreSQL; a % in a password is written %25, a space %20"


class PostgresConnection(Connection):
    """A transaction on a connection of the pool."""

    dialect: ClassVar[Dialect] = "postgresql"

    def __init__(self, raw: _Raw, now: float) -> None:
        super().__init__(now)
        self._raw = raw

    def execute(self, text: str, parameters: Mapping[str, Any]) -> int:
        return self._raw.execute(_trusted(text), _sendable(parameters)).rowcount

    def execute_many(self, text: str, rows: Iterable[Mapping[str, Any]]) -> None:
        with self._raw.cursor() as cursor:
            cursor.executemany(_trusted(text), map(_sendable, rows))

    def fetch(self, text: str, parameters: Mapping[str, Any]) -> list[Row]:
        return self._raw.execute(_trusted(text), _sendable(parameters)).fetchall()

    def script(self, text: str) -> None:
        # A migration takes as long as the tables are large.
        self._raw.execute("SET LOCAL statement_timeout = 0")
        self._raw.execute(_trusted(text))


class PostgresDatabase(Database):
    """A server that any number of nodes share. Times are the server's, so that nodes' clocks do not matter."""

    dialect: ClassVar[Dialect] = "postgresql"

    def __init__(self, settings: StoreSettings, clock: Clock | None = None) -> None:
        """`clock` takes the place of the server's, in tests."""
        super().__init__(settings.connections)
        self._settings = settings
        self._clock = clock
        self._guard = threading.Lock()
        self._pool: ConnectionPool[_Raw] | None = None
        self._refusal = ""
        """Why the last attempt to connect failed; empty where it did not."""
        self._listener: threading.Thread | None = None
        self._closing = threading.Event()

    def _transaction(self, work: Callable[[Connection], T], *, write: bool) -> T:
        state = _State()
        with (
            _explained(state, lambda: self._refusal),
            self._opened().connection(self._settings.connect_timeout_s) as raw,
        ):
            raw.read_only = not write
            raw.isolation_level = None if write else psycopg.IsolationLevel.REPEATABLE_READ
            with raw.transaction():
                connection = PostgresConnection(raw, self._now(raw))
                result = work(connection)
                for topic in sorted(connection.notices):
                    raw.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, topic))
                state.committing = write
        return result

    def _now(self, raw: _Raw) -> float:
        if self._clock is not None:
            return self._clock()
        row = raw.execute("SELECT EXTRACT(EPOCH FROM clock_timestamp())::float8 AS now").fetchone()
        assert row is not None
        return float(row["now"])

    def _opened(self) -> ConnectionPool[_Raw]:
        with self._guard:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._address(), connection_class=_telling(self._note), kwargs=self._options(),
                    min_size=0, max_size=self._settings.connections, max_idle=300.0,
                    check=ConnectionPool.check_connection, open=True, name="store",
                )  # fmt: skip
            return self._pool

    def _note(self, refusal: str) -> None:
        self._refusal = refusal
        if refusal:
            self.troubled_at = time.monotonic()

    def _address(self) -> str:
        """The address, which can be read: what complains of one that cannot quotes the password, into the log."""
        try:
            psycopg.conninfo.conninfo_to_dict(self._settings.url)
        except psycopg.ProgrammingError:
            raise StoreUnavailable(why=_BAD_ADDRESS) from None
        return self._settings.url

    def _options(self) -> dict[str, Any]:
        return {
            "row_factory": dict_row,
            "connect_timeout": max(1, round(self._settings.connect_timeout_s)),
            "application_name": "care-voice",
            "options": f"-c statement_timeout={round(self._settings.statement_timeout_s * 1000)} -c timezone=UTC"
            " -c default_transaction_isolation=read\\ committed",
        }

    # --- news ---------------------------------------------------------------------------------------------------------

    def _listening(self) -> None:
        with self._guard:
            if self._listener is None and not self._closing.is_set():
                self._listener = threading.Thread(target=self._hear_all, name="store-listener", daemon=True)
                self._listener.start()

    def _hear_all(self) -> None:
        """Hear news for as long as the database is used; a server that goes away is waited for."""
        while not self._closing.is_set():
            try:
                self._hear()
            except (psycopg.Error, StoreUnavailable) as error:
                self.troubled_at = time.monotonic()
                log.warning("store_listener_lost", why=_why(error))
                self._closing.wait(_LISTEN_POLL_S)

    def _hear(self) -> None:
        options = {**self._options(), "autocommit": True}
        with psycopg.connect(self._address(), **options) as raw:
            raw.execute(sql.SQL("LISTEN {}").format(sql.Identifier(_CHANNEL)))
            # What happened while nobody listened is looked for once.
            self._tell(tuple(self._listeners))
            while not self._closing.is_set():
                for notice in raw.notifies(timeout=_LISTEN_POLL_S):
                    self._tell((notice.payload,))

    def _disconnect(self) -> None:
        self._closing.set()
        with self._guard:
            pool, self._pool = self._pool, None
            listener, self._listener = self._listener, None
        if listener is not None:
            listener.join()
        if pool is not None:
            pool.close()


class _State:
    """Whether the transaction may have been committed when its connection broke."""

    committing = False


def _telling(note: Callable[[str], None]) -> type[_Raw]:
    """Connections of which `note` hears why they could not be made: the pool only says that none was there in time."""

    class Telling(psycopg.Connection[DictRow]):
        @classmethod
        def connect(cls, *args: Any, **options: Any) -> Self:
            try:
                made = super().connect(*args, **options)
            except psycopg.Error as error:
                # The reason stands behind the first line where a name has several addresses.
                note(" ".join(str(error).split()))
                raise
            note("")
            return made

    return Telling


@contextmanager
def _explained(state: _State, refusal: Callable[[], str]) -> Iterator[None]:
    """psycopg's errors as ours; what is a mistake of the program passes. `refusal` is why nobody could connect."""
    try:
        yield
    except (errors.SerializationFailure, errors.DeadlockDetected) as error:
        raise Broken(_why(error)) from error
    except errors.DiskFull as error:
        raise StorageFull from error
    except errors.ProgramLimitExceeded:
        raise  # a mistake of the program's, which no repetition mends
    except (errors.QueryCanceled, errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction) as error:
        # It would take as long again, or be refused again.
        raise StoreUnavailable(why=_why(error)) from error
    except PoolTimeout as error:
        raise StoreUnavailable(why=refusal() or "no connection could be made in time") from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        if state.committing:
            raise StoreUnavailable(why=f"the connection broke during a commit: {_why(error)}") from error
        raise Broken(_why(error)) from error


def _why(error: Exception) -> str:
    """The first line; it names the server and the user, never the password."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _sendable(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """PostgreSQL's text holds no NUL, and psycopg refuses to send one: an identifier with one names nothing."""
    if not any(isinstance(value, str) and "\0" in value for value in parameters.values()):
        return parameters
    return {
        name: value.replace("\0", "\ufffd") if isinstance(value, str) else value for name, value in parameters.items()
    }


def _trusted(text: str) -> bytes:
    """psycopg takes literal texts or bytes, so that nobody puts one together from input; ours are read from files."""
    return text.encode()
