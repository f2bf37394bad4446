"""Windows in, hypotheses out: the plan put to work over a pool of whatever decodes them."""

from __future__ import annotations

import asyncio
import functools
import itertools
import math
from dataclasses import dataclass

import msgspec
import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.service_errors import DeadlineExceeded, NotReady, Overloaded, WindowQuarantined, WorkerFailed
from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.scheduler.admission import Admission, Ticket
from care_voice.scheduler.plan import Plan
from care_voice.scheduler.queue import WindowQueue
from care_voice.scheduler.rate import RateMeter
from care_voice.scheduler.settings import SchedulerSettings
from care_voice.scheduler.suspicion import Suspicion, Verdict
from care_voice.scheduler.work import Caller, Priority, Window
from care_voice.supervisor.pool import Outcome, WindowPool, WindowTaker, audio_seconds
from care_voice.supervisor.settings import SupervisorSettings
from care_voice.supervisor.worker import WorkerDied
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Errand:
    """On whose behalf a window is decoded. `deadline` is a time of the event loop, `timeout_s` what led to it."""

    client: str
    priority: Priority
    deadline: float = math.inf
    timeout_s: float = math.inf
    continues: bool = False
    """Windows of the same recording have been asked for before."""


@dataclass(frozen=True, slots=True)
class _Job:
    request: DecodeWindow
    answer: asyncio.Future[WindowDecoded]


class Scheduler:
    """Owns all windows of one model until they are answered: no end of a worker loses one."""

    def __init__(
        self, model: str, pool: WindowPool, settings: SchedulerSettings, limits: SupervisorSettings, metrics: Metrics
    ) -> None:
        self.pool = pool
        pool.keeper = self
        self._model = model
        self._settings = settings
        self._metrics = metrics
        self._numbers = itertools.count(1)
        self._jobs: dict[int, _Job] = {}
        self._rate = RateMeter()
        self._outage: asyncio.TimerHandle | None = None
        self._plan: Plan[WindowTaker] = Plan(
            WindowQueue(settings.patience_s), Suspicion(limits.max_kills, limits.max_attempts)
        )
        interactive, bulk = settings.max_interactive_s, settings.max_bulk_s
        self._admission = Admission(
            {Priority.LIVE: interactive, Priority.INTERACTIVE: interactive, Priority.BULK: bulk}
        )
        self._show_metrics()

    # --- admission ----------------------------------------------------------------------------------------------------

    def require_room(self, priority: Priority) -> None:
        """Raises Overloaded where so much is to be done before such a recording that it is not taken."""
        wait_s = self._admission.retry_after(priority, self._rate.rate)
        if wait_s is not None:
            raise Overloaded(retry_after_s=wait_s)

    def enter(self, priority: Priority, need_s: float) -> Ticket:
        """Let a recording of so many seconds in; `leave` it in the end. Raises Overloaded."""
        self.require_room(priority)
        return self._admission.enter(priority, need_s)

    def priority_of(self, caller: Caller, length_s: float) -> Priority:
        """The class of a recording of so many seconds. A caller may ask to be patient, and not to be urgent."""
        return Priority.BULK if caller.bulk or length_s > self._settings.bulk_over_s else Priority.INTERACTIVE

    def timeout_of(self, caller: Caller) -> float:
        """Seconds that a request may take."""
        return min(self._settings.timeout_s, caller.timeout_s or math.inf)

    def leave(self, ticket: Ticket) -> None:
        """The recording is done with."""
        self._admission.leave(ticket)

    @property
    def queued_s(self) -> float:
        """Audio seconds of recordings that were let in and are still to be done."""
        return self._admission.ahead_s(max(Priority))

    @property
    def next_leaves_after_s(self) -> int:
        """Whole seconds until about one recording of those in hand is done."""
        return self._admission.next_leaves_after(self._rate.rate)

    # --- windows ------------------------------------------------------------------------------------------------------

    async def decode(self, request: DecodeWindow, errand: Errand) -> WindowDecoded:
        """Decode one window; its `id` is set here.

        Raises:
            WindowQuarantined: It stopped workers.
            DeadlineExceeded: It was not done in time.
            NotReady, RemoteUnavailable: No worker could be started or reached, or the service stops.
            CareVoiceError: What the worker found wrong with the request.
        """
        loop, number = asyncio.get_running_loop(), next(self._numbers)
        answer: asyncio.Future[WindowDecoded] = loop.create_future()
        audio_s = audio_seconds(request)
        window = Window(number, errand.client, errand.priority, audio_s, errand.deadline, errand.continues)
        self._jobs[number] = _Job(msgspec.structs.replace(request, patient=window.patient), answer)
        self._plan.add(window, loop.time())
        self._watch_outage()
        self._hand_out()
        try:
            async with asyncio.timeout_at(None if math.isinf(errand.deadline) else errand.deadline):
                return await answer
        except TimeoutError:
            raise DeadlineExceeded(timeout_s=round(errand.timeout_s, 3)) from None
        finally:
            self._withdraw(number)
            if answer.done() and not answer.cancelled():
                answer.exception()  # it may have failed at the moment in which the caller went away

    def _withdraw(self, number: int) -> None:
        if self._jobs.pop(number, None) is None:
            return
        worker = self._plan.withdraw(number)
        if worker is not None:
            worker.cancel(number)

    def _hand_out(self) -> None:
        now = asyncio.get_running_loop().time()
        while (given := self._plan.next(self.pool.workers, now)) is not None:
            worker, window = given
            self._rate.working(now)
            worker.submit(window.number, self._jobs[window.number].request)

    # --- what the pool reports ----------------------------------------------------------------------------------------

    def workers_changed(self) -> None:
        """A worker has come, has gone or has room."""
        self._watch_outage()
        self._hand_out()

    def answered(self, number: int, outcome: Outcome) -> None:
        """A worker is done with a window."""
        window = self._plan.done(number)
        audio_s = window.audio_s if isinstance(outcome, WindowDecoded) else 0.0
        self._rate.done(audio_s, asyncio.get_running_loop().time(), more=self._plan.computing > 0)
        if isinstance(outcome, WindowDecoded):
            self._give(number, outcome)
        else:
            self._fail(number, outcome or WorkerFailed(why="it dropped a window that was waited for"))
        self._hand_out()

    def lost(self, worker: WindowTaker, death: WorkerDied) -> None:
        """A worker has ended: its windows go to the next one, or aside."""
        verdicts = self._plan.lost(worker, asyncio.get_running_loop().time(), blamed=death.blames_work)
        for number, verdict in verdicts.items():
            request = self._jobs[number].request
            about = {"request_id": request.request_id, "start_s": request.start_s, "cause": death.cause}
            if verdict is Verdict.QUARANTINE:
                log.error("window_quarantined", **about)
                self._fail(number, WindowQuarantined(kills=self._plan.losses(number)))
                self._plan.forget(number)
            else:
                log.warning("window_sent_again", how=verdict.value, **about)
                self._metrics.retried.labels("engine").inc()
        self.workers_changed()

    def stopped(self) -> None:
        """There will be no workers any more."""
        if self._outage is not None:
            self._outage.cancel()
            self._outage = None
        for number in list(self._jobs):
            self._fail(number, NotReady(why="the service is stopping"))

    def _watch_outage(self) -> None:
        """While there is no worker, a clock runs at whose end all that waits is given up."""
        if self._outage is not None and self.pool.workers:
            self._outage.cancel()
            self._outage = None
        elif self._outage is None and not self.pool.workers:
            self._outage = asyncio.get_running_loop().call_later(self._settings.max_outage_s, self._give_up)

    def _give_up(self) -> None:
        self._outage = None
        for number in list(self._jobs):
            self._fail(number, self.pool.refusal or NotReady(why="no engine worker could be started"))

    def _give(self, number: int, decoded: WindowDecoded) -> None:
        job = self._jobs.pop(number, None)
        if job is not None and not job.answer.done():
            job.answer.set_result(decoded)

    def _fail(self, number: int, error: CareVoiceError) -> None:
        job = self._jobs.get(number)
        if job is not None and not job.answer.done():
            job.answer.set_exception(error)

    # --- metrics ------------------------------------------------------------------------------------------------------

    def _show_metrics(self) -> None:
        self._metrics.queued_windows.labels(self._model).set_function(lambda: float(self._plan.waiting))
        self._metrics.rate.labels(self._model).set_function(lambda: self._rate.rate)
        for priority in Priority:
            gauge = self._metrics.queue_audio.labels(self._model, priority.name.lower())
            gauge.set_function(functools.partial(self._admission.ahead_s, priority))
