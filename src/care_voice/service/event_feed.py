"""The events of a recording as they come, for any number of followers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

from care_voice.domain.recordings import Event
from care_voice.domain.service_errors import Overloaded
from care_voice.domain.store_errors import StoreError, UnknownRecording
from care_voice.store import events, recordings
from care_voice.store.database import Connection, Database

_PAGE = 500
_RETRY_AFTER_S = 10


class EventFeed:
    """Notifications wake followers; they look by themselves too, as news may be lost."""

    def __init__(self, database: Database, poll_s: float = 5.0, most: int = 2000) -> None:
        """`most` may follow at a time: each of them looks into the database every `poll_s` seconds."""
        self._database = database
        self._poll_s = poll_s
        self._most = most
        self.followers = 0
        """How many follow now."""
        self._closing = asyncio.Event()

    def close(self) -> None:
        """The service stops: every stream ends after what it has."""
        self._closing.set()

    async def follow(self, recording_id: str, seq: int) -> AsyncGenerator[list[Event], None]:
        """The events after number `seq`, in pages: the first at once, be it empty. It ends when the recording is
        deleted for good or the service stops.

        Raises:
            UnknownRecording: There is none. StoreError: The database cannot be used; from the first page alone.
            Overloaded: As many follow as may.
        """
        with self._listening(recording_id) as news:
            page = await self._page(recording_id, seq)
            yield page
            while not self._closing.is_set():
                seq = page[-1].seq if page else seq
                if len(page) < _PAGE:
                    await self._wait(news)
                news.clear()
                try:
                    page = await self._page(recording_id, seq)
                except UnknownRecording:
                    return
                except StoreError:
                    page = []  # it is waited for: the follower would only come again
                if page:
                    yield page

    @contextmanager
    def _listening(self, recording_id: str) -> Iterator[asyncio.Event]:
        """A place among the followers, and what is set by news. Raises Overloaded."""
        if self.followers >= self._most:
            raise Overloaded(retry_after_s=_RETRY_AFTER_S)
        news = asyncio.Event()
        stop_listening = self._database.listen(events.topic_of(recording_id), news.set)
        self.followers += 1
        try:
            yield news
        finally:
            self.followers -= 1
            stop_listening()

    async def _page(self, recording_id: str, seq: int) -> list[Event]:
        def read(connection: Connection) -> list[Event]:
            recordings.get(connection, recording_id, trashed=True)
            return events.after(connection, recording_id, seq, _PAGE)

        return await self._database.aread(read)

    async def _wait(self, news: asyncio.Event) -> None:
        waiting = {asyncio.ensure_future(each.wait()) for each in (news, self._closing)}
        try:
            await asyncio.wait(waiting, timeout=self._poll_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waiting:
                each.cancel()
