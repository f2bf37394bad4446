"""Where a worker's requests come in and its answers go out: filled by the reader, emptied by the computing thread."""

from __future__ import annotations

import threading
from collections.abc import Callable

from care_voice.domain.errors import CareVoiceError
from care_voice.engine.protocol import (
    Cancel,
    DecodeWindow,
    DeriveMedia,
    Dropped,
    Failed,
    Heartbeat,
    MediaAnswer,
    MediaDerived,
    MediaDone,
    OpenMedia,
    WindowDecoded,
)

Request = DecodeWindow | OpenMedia | DeriveMedia
Answer = WindowDecoded | Dropped | MediaAnswer | Failed
_LAST = (WindowDecoded, Dropped, MediaDone, MediaDerived, Failed)


class Desk:
    """Safe to use from several threads; `send` is called without any lock held, since it may block."""

    def __init__(self, send: Callable[[Answer], None]) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._waiting: dict[int, Request] = {}
        self._taken: set[int] = set()
        self._given_up: set[int] = set()
        self._steps = 0
        self.halvings = 0
        """How often memory ran out and batches were made half as large."""
        self.capacity = 0
        self.capacity_s = 0.0
        """What is wanted in flight now, as in `Heartbeat`."""

    # --- the reader ---------------------------------------------------------------------------------------------------

    def put(self, request: Request) -> None:
        """A request has come."""
        with self._changed:
            self._waiting[request.id] = request
            self._changed.notify()

    def cancel(self, message: Cancel) -> None:
        """Nobody waits for a request any more: drop it where it has not been taken, else remember it."""
        with self._changed:
            dropped = self._waiting.pop(message.id, None)
            if message.id in self._taken:
                self._given_up.add(message.id)
        if dropped is not None:
            self._send(Dropped(message.id))

    # --- the computing thread -----------------------------------------------------------------------------------------

    def take(self) -> Request:
        """The next request; waits for one."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting)
            return self._take()

    def take_now(self) -> Request | None:
        """The next request, or None where there is none now: what a batch asks for between two steps."""
        with self._changed:
            return self._take() if self._waiting else None

    @property
    def given_up(self) -> list[int]:
        """Requests in hand that nobody waits for any more; they may be answered with `drop`."""
        with self._changed:
            return list(self._given_up)

    def answer(self, answer: Answer) -> None:
        """Send an answer; the last one to a request ends it. Raises ChannelClosed when the parent is gone."""
        if isinstance(answer, _LAST):
            with self._changed:
                self._taken.discard(answer.id)
                self._given_up.discard(answer.id)
        self.step()
        self._send(answer)

    def drop(self, request_id: int) -> None:
        """End a request that was given up."""
        self.answer(Dropped(request_id))

    def fail(self, request_id: int, error: CareVoiceError) -> None:
        """End a request with an error."""
        self.answer(Failed(request_id, type(error).__name__, _plain(error.fields)))

    def step(self) -> None:
        """The computation goes on: call it as often as there is something to show for it, such as each token."""
        self._steps += 1

    # --- the heartbeat ------------------------------------------------------------------------------------------------

    def snapshot(self, rss_bytes: int, cpu_s: float) -> Heartbeat:
        """What the worker is doing now, and what its process has used."""
        busy = len(self._taken) + len(self._waiting)
        return Heartbeat(busy, self._steps, rss_bytes, cpu_s, self.halvings, self.capacity, self.capacity_s)

    def _take(self) -> Request:
        request = self._waiting.pop(next(iter(self._waiting)))
        self._taken.add(request.id)
        self._steps += 1
        return request


def _plain(fields: dict[str, object]) -> dict[str, str | int | float]:
    return {key: value if isinstance(value, str | int | float) else str(value) for key, value in fields.items()}
