"""Whether the database can be worked with: brought up to date at the start, and looked at while the service runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.store_errors import StoreUnavailable
from care_voice.store.database import Database
from care_voice.store.migrate import require_current
from care_voice.supervisor.backoff import Backoff

log = structlog.get_logger(__name__)

_FIRST_RETRY_S, _MAX_RETRY_S = 0.5, 15.0


class DatabaseWatch:
    """Opens the database in the background, and tries again for as long as it takes."""

    def __init__(self, database: Database, prepare: Callable[[], str], interval_s: float = 5.0) -> None:
        """`prepare` brings the schema up to date and says what it found."""
        self._database = database
        self._prepare = prepare
        self._interval_s = interval_s
        self._opened = asyncio.Event()
        self.trouble: CareVoiceError | None = None
        """Why recordings cannot be kept now; None while they can, or while nobody has looked yet."""

    @property
    def is_up(self) -> bool:
        """Whether it was opened, and could be worked with when it was last looked at."""
        return self._opened.is_set() and self.trouble is None

    async def opened(self) -> None:
        """Wait until the schema is up to date."""
        await self._opened.wait()

    async def run(self) -> None:
        """Look until cancelled."""
        backoff = Backoff(_FIRST_RETRY_S, _MAX_RETRY_S)
        while True:
            if await self._look():
                backoff.reset()
                await asyncio.sleep(self._interval_s)
            else:
                await asyncio.sleep(backoff.next_s())

    async def _look(self) -> bool:
        look = self._check if self._opened.is_set() else self._open
        try:
            await asyncio.to_thread(look)
        except CareVoiceError as error:
            if self.trouble is None:
                log.error("database_trouble", code=error.code, detail=error.message, hint=error.advice)
            self.trouble = error
            return False
        except Exception as error:  # a bug must not leave recordings closed while the service looks healthy
            log.exception("database_watch_stumbled")
            self.trouble = StoreUnavailable(why=type(error).__name__)
            return False
        if self.trouble is not None:
            log.info("database_back")
        self.trouble = None
        self._opened.set()
        return True

    def _open(self) -> None:
        log.info("database_opened", detail=self._prepare())

    def _check(self) -> None:
        require_current(self._database)
