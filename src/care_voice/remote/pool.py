"""A model on a server elsewhere, as the scheduler and the service see it; proves the server before it takes windows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import RemoteMisconfigured
from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.remote.breaker import Breaker, BreakerState
from care_voice.remote.client import RemoteClient
from care_voice.remote.courier import Courier
from care_voice.remote.dialects import Dialect
from care_voice.remote.failures import Failure, RetryPlan, TryFailed, unavailable
from care_voice.remote.settings import RemoteSettings
from care_voice.remote.station import RemoteStation
from care_voice.supervisor.pool import EngineFacts, Outcome, WindowKeeper, WindowTaker
from care_voice.supervisor.waiting import came_within
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_SHOWN = {BreakerState.CLOSED: 0.0, BreakerState.HALF_OPEN: 1.0, BreakerState.OPEN: 2.0}
_NOT_UNDERSTOOD = frozenset({"400", "415", "422"})


class KnownClip:
    """What the server is proved with: `read` gives the sound, `wrong` says what its text lacks, or None."""

    def __init__(self, read: Callable[[], Awaitable[DecodeWindow]], wrong: Callable[[str], str | None]) -> None:
        self._read = read
        self._window: DecodeWindow | None = None
        self.wrong = wrong

    async def window(self) -> DecodeWindow:
        """The sound, which is read once: in an outage, files that wait for the server may hold whatever could read it.

        Raises:
            CareVoiceError: It cannot be read now.
        """
        if self._window is None:
            self._window = await self._read()
        return self._window


class RemotePool:
    """Satisfies `supervisor.pool.WindowPool`. Made inside a running event loop."""

    keeper: WindowKeeper
    gives_tokens = False
    multilingual = True
    crash_loop = None

    def __init__(self, served: str, model: str, settings: RemoteSettings, clip: KnownClip, metrics: Metrics) -> None:
        """`served` is the model's name here, `model` the one that is sent."""
        self._served = served
        self._model = model
        self._settings = settings
        self._clip = clip
        self._metrics = metrics
        self._breaker = Breaker(settings.breaker)
        self._courier = Courier(served, self._breaker, RetryPlan(settings), metrics, on_open=self._opened)
        self._station = RemoteStation(settings.most_in_flight, self._courier.deliver, self._answered)
        self._watch: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._probe_now = asyncio.Event()
        self._misconfigured = False
        self._why = "it has not been checked yet"
        metrics.breaker_state.labels(served).set_function(lambda: _SHOWN[self._breaker.state])

    def open(self) -> None:
        """Begin to probe the server, in the background; a second call ends a wait before the next probe early."""
        self.retry_now()
        if self._watch is None:
            self._watch = asyncio.create_task(self._keep_proved(), name=f"remote-{self._served}")

    async def close(self) -> None:
        """End all requests; windows that still wait fail as not ready. It may be opened again."""
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        self._courier.passable.clear()
        self._breaker.reset()
        self.keeper.stopped()
        await self._station.close()
        if self._courier.client is not None:
            await self._courier.client.close()
            self._courier.client = None

    async def wait_ready(self) -> str:
        """Wait for a probe that succeeds; what the server is, for people.

        Raises:
            RemoteUnavailable, RemoteMisconfigured: The last probe failed; it goes on trying.
        """
        while True:
            self._changed.clear()
            if self._breaker.state is BreakerState.CLOSED:
                return f"{self._model} at {self._settings.url}, gives {self._courier.dialect.value}"
            if self._breaker.state is BreakerState.OPEN:
                raise self._refusal()
            await self._changed.wait()

    def retry_now(self) -> None:
        """Probe it at once where it counts as down."""
        if self._breaker.state is BreakerState.OPEN:
            self._breaker.probe()
            self._probe_now.set()

    def heard_within(self, limit_s: float) -> bool:  # noqa: ARG002 - it sends no heartbeat: the breaker decides
        return self._breaker.state is BreakerState.CLOSED

    @property
    def workers(self) -> list[WindowTaker]:
        """The server, while the breaker is closed."""
        return [self._station] if self._breaker.state is BreakerState.CLOSED else []

    @property
    def pids(self) -> list[int]:
        return []

    @property
    def decodes_as_asked(self) -> bool:
        return self._settings.extensions

    @property
    def capacity(self) -> int:
        return self._settings.most_in_flight

    @property
    def refusal(self) -> CareVoiceError | None:
        """Why the server is not asked now; None while it is."""
        return None if self._breaker.state is BreakerState.CLOSED else self._refusal()

    @property
    def hopeful(self) -> bool:
        """An outage may last for hours: only a proved server is worth waiting for."""
        return self._breaker.state is BreakerState.CLOSED

    @property
    def facts(self) -> EngineFacts:
        return EngineFacts("remote", self._settings.url, self._model, self._breaker.state.value)

    def _refusal(self) -> CareVoiceError:
        if self._misconfigured:
            return RemoteMisconfigured(why=self._why)
        return unavailable(self._why, self._breaker.wait_s(time.monotonic()))

    def _answered(self, number: int, outcome: Outcome) -> None:
        self.keeper.answered(number, outcome)

    def _opened(self, failure: Failure) -> None:
        """The breaker has opened while windows were sent."""
        self._why, self._misconfigured = failure.why, failure.final is not None
        self._metrics.breaker_opened.labels(self._served).inc()
        log.error("remote_engine_down", model=self._served, cause=failure.kind, why=failure.why)
        self._changed.set()
        self._probe_now.clear()
        self.keeper.workers_changed()

    async def _keep_proved(self) -> None:
        while True:
            if self._breaker.state is BreakerState.CLOSED:
                self._changed.clear()
                await self._changed.wait()
                continue
            await came_within(self._probe_now, self._breaker.wait_s(time.monotonic()))
            self._probe_now.clear()
            await self._probe()

    async def _probe(self) -> None:
        self._breaker.probe()
        try:
            dialect = await self._examine()
        except TryFailed as error:
            self._why, self._misconfigured = error.failure.why, error.failure.final is not None
        except RemoteMisconfigured as error:
            self._why, self._misconfigured = str(error.fields["why"]), True
        except CareVoiceError as error:
            self._why, self._misconfigured = error.message, False
        except Exception:  # a bug in the examination must not end the watch, or the service never recovers
            self._why, self._misconfigured = "internal error", False
            log.exception("remote_probe_failed")
        else:
            self._proved(dialect)
            return
        self._breaker.probed(time.monotonic(), ok=False)
        log.warning("remote_engine_not_proved", model=self._served, why=self._why)
        self._changed.set()

    def _proved(self, dialect: Dialect) -> None:
        self._courier.dialect = dialect
        self._breaker.probed(time.monotonic(), ok=True)
        log.info("remote_engine_proved", model=self._served, gives=dialect.value)
        self._courier.passable.set()
        self._changed.set()
        self.keeper.workers_changed()

    async def _examine(self) -> Dialect:
        """What the server can do, once it has heard the words of the clip. Raises TryFailed, CareVoiceError."""
        if self._courier.client is None:
            self._courier.client = RemoteClient(self._settings, self._model)
        self._courier.client.renew_key()
        window = await self._clip.window()
        dialect, decoded = await self._first_understood(window)
        wrong = self._clip.wrong(decoded.text)
        if wrong is not None:
            raise RemoteMisconfigured(why=f"it does not hear the known clip rightly: {wrong}")
        return dialect

    async def _first_understood(self, window: DecodeWindow) -> tuple[Dialect, WindowDecoded]:
        for dialect in Dialect:
            try:
                return dialect, await self._courier.attempt(window, dialect)
            except TryFailed as error:
                if error.failure.kind not in _NOT_UNDERSTOOD or dialect is Dialect.TEXT:
                    raise
        raise AssertionError("the last dialect either succeeds or raises")
