"""A database as the rest of the store sees it: transactions as functions, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from care_voice.domain.store_errors import StoreUnavailable
from care_voice.store.statements import Dialect, statements

T = TypeVar("T")
Row = dict[str, Any]
Clock = Callable[[], float]


class Broken(Exception):
    """The connection broke, or the transaction met another one, before its commit: it can be tried again."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Connection(ABC):
    """One transaction. Parameters are bound by name; a statement is named as in `sql/`."""

    dialect: ClassVar[Dialect]

    def __init__(self, now: float) -> None:
        self.now = now
        """When the transaction began: Unix seconds by the database's clock."""
        self.notices: set[str] = set()

    def run(self, name: str, /, **parameters: Any) -> int:
        """Execute a statement; how many rows it changed."""
        return self.execute(statements(self.dialect)[name], parameters)

    def one(self, name: str, /, **parameters: Any) -> Row | None:
        """The first row, or None."""
        rows = self.fetch(statements(self.dialect)[name], parameters)
        return rows[0] if rows else None

    def all(self, name: str, /, **parameters: Any) -> list[Row]:
        """Every row."""
        return self.fetch(statements(self.dialect)[name], parameters)

    def each(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Execute a statement once for each row."""
        self.execute_many(statements(self.dialect)[name], rows)

    def notify(self, topic: str) -> None:
        """Wake whoever listens to `topic`, once the transaction is committed."""
        self.notices.add(topic)

    @abstractmethod
    def execute(self, text: str, parameters: Mapping[str, Any]) -> int: ...

    @abstractmethod
    def execute_many(self, text: str, rows: Iterable[Mapping[str, Any]]) -> None: ...

    @abstractmethod
    def fetch(self, text: str, parameters: Mapping[str, Any]) -> list[Row]: ...

    @abstractmethod
    def script(self, text: str) -> None:
        """Execute several statements without parameters, within the transaction."""


class Database(ABC):
    """Transactions, and news of them. Nothing is connected before the first use."""

    dialect: ClassVar[Dialect]
    _TRIES: ClassVar[int] = 4
    _FIRST_WAIT_S: ClassVar[float] = 0.05

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="store")
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        self.troubled_at = -math.inf
        """When the database was last found away, by the monotonic clock: others may not have reached it either."""

    def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, over one snapshot.

        Raises:
            StoreUnavailable, StoreBusy: The database cannot be used now.
        """
        return self._try(lambda: self._transaction(work, write=False))

    def write(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, once its transaction is durable. `work` may be called again where the connection broke
        before the commit or another transaction was in the way.

        Raises:
            StoreUnavailable, StoreBusy: The database cannot be used now. Where the connection broke during the commit
                nobody knows whether it was done.
            StorageFull: There is no room on the disk.
        """
        return self._try(lambda: self._transaction(work, write=True))

    async def aread(self, work: Callable[[Connection], T]) -> T:
        """`read`, in a thread of the store's."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read, work)

    async def awrite(self, work: Callable[[Connection], T]) -> T:
        """`write`, in a thread of the store's. Once begun it goes on to its end, also when the caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.write, work)

    def listen(self, topic: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` in this event loop after each commit that notifies `topic`; the return value ends it.

        News may be lost while the database is away: whoever listens also looks by itself from time to time.
        """
        loop = asyncio.get_running_loop()

        def call() -> None:
            with suppress(RuntimeError):  # the loop may have been closed at this moment
                loop.call_soon_threadsafe(callback)

        def end() -> None:
            calls.remove(call)
            if not calls and self._listeners.get(topic) is calls:
                del self._listeners[topic]

        calls = self._listeners.setdefault(topic, [])
        calls.append(call)
        self._listening()
        return end

    def truncate_log(self) -> bool:
        """Bring all that was committed into the database itself, and leave nothing in a log beside it; False where
        somebody who reads an old state is in the way. True where there is no such log.
        """
        return True

    def close(self) -> None:
        """End all connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._disconnect()

    def _tell(self, topics: Iterable[str]) -> None:
        for topic in topics:
            for call in tuple(self._listeners.get(topic, ())):
                call()

    def _try(self, attempt: Callable[[], T]) -> T:
        wait_s = self._FIRST_WAIT_S
        for left in range(self._TRIES - 1, -1, -1):
            try:
                return attempt()
            except Broken as broken:
                self.troubled_at = time.monotonic()
                if not left:
                    raise StoreUnavailable(why=broken.why) from broken
                time.sleep(wait_s)
                wait_s *= 2
        raise AssertionError("the last try returns or raises")

    @abstractmethod
    def _transaction(self, work: Callable[[Connection], T], *, write: bool) -> T:
        """One try. Raises Broken where it may be tried again."""

    def _listening(self) -> None:
        """Begin to listen to other processes, where that can be done."""
        return

    @abstractmethod
    def _disconnect(self) -> None: ...
