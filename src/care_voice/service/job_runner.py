"""Runs jobs: claims them as there is room, keeps their leases, and gives back what it cannot finish.

Any number of nodes do so over one database. What a node is killed with goes on elsewhere when its leases have expired.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.jobs import Job, JobKind, JobPriority
from care_voice.service.job_attempt import Attempt, JobHandler, Outcome
from care_voice.service.job_ledger import JobLedger
from care_voice.service.job_settings import JobSettings
from care_voice.store import jobs, nodes
from care_voice.store.database import Connection, Database
from care_voice.store.nodes import Node
from care_voice.supervisor.waiting import came_within
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_NOT_READY_S = 1.0
_LEAST_REST_S = 0.05


class Seat(Protocol):
    """The node's place among others."""

    @property
    def node(self) -> Node: ...

    def gone(self) -> list[str]:
        """Nodes of this machine that have surely ended."""
        ...

    def bury(self, node_ids: Sequence[str]) -> None:
        """Nobody asks for these any more."""
        ...


_CAN_WAIT = frozenset({JobKind.DERIVE})


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except CareVoiceError:
        return False
    return True


@dataclass(eq=False, slots=True)
class _Lane:
    """Places for jobs of a kind and of some priorities."""

    kind: JobKind
    priorities: range
    places: int
    attempts: set[Attempt] = field(default_factory=set)

    @property
    def has_room(self) -> bool:
        return len(self.attempts) < self.places


class JobRunner:
    """One node's share of the jobs."""

    def __init__(
        self,
        database: Database,
        handlers: Mapping[JobKind, JobHandler],
        settings: JobSettings,
        seat: Seat,
        metrics: Metrics,
        *,
        admit: Callable[[], None] = lambda: None,
        spare: Callable[[], None] = lambda: None,
    ) -> None:
        """`admit` raises CareVoiceError while this node should take no jobs, `spare` while it should take none that
        can wait: copies of recordings need room, and recordings go first."""
        self._database = database
        self._handlers = handlers
        self._settings = settings
        self._rules = settings.rules
        self._seat = seat
        self._metrics = metrics
        self._admit = admit
        self._spare = spare
        self._news = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._keeping = asyncio.Lock()
        self._draining = False
        self._standing_by = settings.standby
        self._can_sit = True
        self._trusts_leases_at = time.monotonic() + settings.lease_s
        self._bulk = _Lane(JobKind.TRANSCRIBE, range(JobPriority.BULK, 10), settings.bulk)
        lanes = (
            _Lane(JobKind.TRANSCRIBE, range(JobPriority.BULK), settings.interactive),
            self._bulk,
            _Lane(JobKind.DERIVE, jobs.ANY_PRIORITY, settings.derive),
        )
        self._lanes = [lane for lane in lanes if lane.kind in handlers]
        self._tasks: set[asyncio.Task[None]] = set()
        metrics.jobs_running.set_function(lambda: float(len(self._tasks)))

    async def run(self) -> None:
        """Work until cancelled. Jobs in hand are then left as they are; `drain` first gives them back."""
        stop_listening = self._database.listen(jobs.TOPIC, self._heard)
        upkeep = asyncio.create_task(self._for_ever("upkeep", self._upkeep), name="jobs-upkeep")
        try:
            await self._for_ever("claiming", self._claim_all)
        finally:
            stop_listening()
            for task in (upkeep, *self._tasks):
                task.cancel()
            await asyncio.gather(upkeep, *self._tasks, return_exceptions=True)

    async def drain(self, timeout_s: float) -> None:
        """Take no more jobs, and give back those in hand: others go on with them at once."""
        self._draining = True
        async with self._claiming:
            for attempt in self._attempts:
                attempt.stop(Outcome.RELEASED)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        with suppress(CareVoiceError):
            async with self._keeping:
                await self._database.awrite(lambda c: nodes.forget(c, self._seat.node.id))

    def stand_by(self) -> None:
        """Take no more jobs until `take_part`; those in hand are finished."""
        self._standing_by = True

    def take_part(self) -> None:
        """Take jobs again."""
        self._standing_by = False
        self._news.set()

    @property
    def standing_by(self) -> bool:
        """Whether no jobs are taken, for now or for good."""
        return self._standing_by or self._draining

    @property
    def _attempts(self) -> list[Attempt]:
        return [attempt for lane in self._lanes for attempt in lane.attempts]

    def _heard(self) -> None:
        self._news.set()
        for attempt in self._attempts:
            attempt.look()

    async def _for_ever(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """What goes wrong once must not be the end of it."""
        while True:
            try:
                await work()
                continue
            except CareVoiceError as error:
                log.warning("jobs_wait", what=what, code=error.code, detail=error.message)
            except Exception:  # a bug must not leave jobs lying while the service looks healthy
                log.exception("jobs_stumbled", what=what)
            await asyncio.sleep(_NOT_READY_S)

    # --- claiming -----------------------------------------------------------------------------------------------------

    async def _claim_all(self) -> None:
        """Claim as there is room, and rest until there may be more."""
        self._news.clear()
        rest_s = _NOT_READY_S
        if not self.standing_by and _passes(self._admit):
            async with self._claiming:
                for lane in self._lanes:
                    if lane.kind not in _CAN_WAIT or _passes(self._spare):
                        await self._fill(lane)
            due_s = await self._database.aread(jobs.next_start)
            rest_s = min(self._settings.poll_s, max(_LEAST_REST_S, due_s or self._settings.poll_s))
        await came_within(self._news, rest_s)

    async def _fill(self, lane: _Lane) -> None:
        while lane.has_room and not self.standing_by and (job := await self._claim(lane)) is not None:
            self._begin(job, lane)

    async def _claim(self, lane: _Lane) -> Job | None:
        owner = self._seat.node.id
        return await self._database.awrite(lambda c: jobs.claim(c, owner, self._rules, [lane.kind], lane.priorities))

    def _begin(self, job: Job, lane: _Lane) -> None:
        ledger = JobLedger(self._database, job, self._rules)
        attempt = Attempt(self._handlers[job.kind], ledger, self._rules)
        ledger.becomes_bulk = partial(self._move_to_bulk, attempt)
        lane.attempts.add(attempt)
        task = asyncio.create_task(self._carry_out(attempt), name=f"job-{job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _move_to_bulk(self, attempt: Attempt) -> bool:
        if not self._bulk.has_room:
            return False
        self._leave(attempt)
        self._bulk.attempts.add(attempt)
        self._news.set()
        return True

    def _leave(self, attempt: Attempt) -> None:
        for lane in self._lanes:
            lane.attempts.discard(attempt)

    async def _carry_out(self, attempt: Attempt) -> None:
        try:
            outcome = await attempt.run()
            self._metrics.jobs_ended.labels(attempt.job.kind.value, outcome.value).inc()
        except Exception:  # whatever it was, the lease expires, and the job goes on
            log.exception("job_attempt_stumbled", job_id=attempt.job.id)
        finally:
            self._leave(attempt)
            self._news.set()

    # --- upkeep -------------------------------------------------------------------------------------------------------

    async def _upkeep(self) -> None:
        """Take back what dead nodes held, and say that this one is alive."""
        gone = await asyncio.to_thread(self._gone)
        for job in await self._take_back(gone):
            log.warning("job_taken_back", job_id=job.id, state=job.state.value, failures=job.failures)
            self._metrics.jobs_reaped.labels(job.kind.value).inc()
        await asyncio.to_thread(self._seat.bury, gone)
        await asyncio.sleep(self._settings.lease_s / 3)

    def _gone(self) -> list[str]:
        """Nodes that have surely ended; none where this machine's seats cannot be looked at."""
        try:
            gone = self._seat.gone()
        except OSError as error:
            if self._can_sit:
                log.warning("node_seat_unusable", detail=str(error))
            self._can_sit = False
            return []
        self._can_sit = True
        return gone

    async def _take_back(self, gone: list[str]) -> list[Job]:
        def work(connection: Connection) -> list[Job]:
            # While the database was away nobody could renew a lease, also where this node came through by trying again.
            since_trouble_s = time.monotonic() - self._database.troubled_at
            expired = time.monotonic() >= self._trusts_leases_at and since_trouble_s >= 2 * self._settings.lease_s
            if not self._draining:
                nodes.seen(connection, self._seat.node, self._settings.lease_s)
            return jobs.reap(connection, self._rules, gone, expired=expired)

        try:
            async with self._keeping:
                return await self._database.awrite(work)
        except CareVoiceError:
            # Nobody could renew a lease meanwhile: all get the time to do so before one counts as expired.
            self._trusts_leases_at = time.monotonic() + self._settings.lease_s
            raise
