"""Brings windows to the server and their words back: tries, waits, and holds them while the breaker is not closed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.remote.answers import Answer, decoded, read
from care_voice.remote.breaker import Breaker, BreakerState
from care_voice.remote.client import RemoteClient
from care_voice.remote.dialects import Dialect
from care_voice.remote.failures import Failure, Health, RetryPlan, TryFailed
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class Courier:
    """One server and one model, as far as single windows are concerned."""

    def __init__(
        self, model: str, breaker: Breaker, plan: RetryPlan, metrics: Metrics, *, on_open: Callable[[Failure], None]
    ) -> None:
        """`on_open` is called when the breaker has opened, with what opened it."""
        self._model = model
        self._breaker = breaker
        self._plan = plan
        self._metrics = metrics
        self._on_open = on_open
        self.client: RemoteClient | None = None
        self.dialect = Dialect.WORDS
        """What the last probe found that the server can do."""
        self.passable = asyncio.Event()
        """Set while the breaker is closed."""

    async def deliver(self, request: DecodeWindow) -> WindowDecoded:
        """Have a window decoded; it takes as long as it takes. Cancelling it ends its request.

        Raises:
            RemoteUnavailable: The tries are used up.
            RemoteRefused, RemoteMisconfigured: The server answered with a 4xx.
        """
        failures = reached = 0
        while True:
            await self.passable.wait()
            try:
                answer = await self.attempt(request, self.dialect)
            except TryFailed as error:
                failures, reached = failures + 1, reached + error.failure.reached
                self._note(error.failure)
                wait_s = self._plan.wait_s(error.failure, failures, reached)
                log.warning("remote_window_tried_again", cause=error.failure.kind, wait_s=round(wait_s, 2))
                await asyncio.sleep(wait_s)
                self._metrics.remote_retries.labels(self._model).inc()
            else:
                self._breaker.note(time.monotonic(), ok=True)
                return answer

    async def attempt(self, request: DecodeWindow, dialect: Dialect) -> WindowDecoded:
        """One try. Raises TryFailed."""
        assert self.client is not None
        began = time.monotonic()
        try:
            body = await self.client.transcribe(request, dialect)
            answer = decoded(_read(body), request, time.monotonic() - began)
        except TryFailed as error:
            self._metrics.remote_requests.labels(self._model, error.failure.kind).inc()
            raise
        self._metrics.remote_requests.labels(self._model, "ok").inc()
        return answer

    def _note(self, failure: Failure) -> None:
        if failure.health is not Health.UNKNOWN:
            self._breaker.note(time.monotonic(), ok=failure.health is Health.WELL)
        if self._breaker.state is BreakerState.OPEN and self.passable.is_set():
            self.passable.clear()
            self._on_open(failure)


def _read(body: bytes) -> Answer:
    try:
        return read(body)
    except ValueError as error:
        raise TryFailed(Failure("misread", str(error))) from error
