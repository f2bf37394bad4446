"""One attempt of a job: the handler at work, its lease kept beside it, and what is written when it ends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from enum import Enum
from typing import Protocol

import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.jobs import Job, LeaseRules
from care_voice.domain.store_errors import LeaseLost, StoreError, UnknownJob
from care_voice.service.job_faults import Fault, fault_of, wait_s
from care_voice.service.job_ledger import JobLedger, TurnedAway
from care_voice.store import jobs

log = structlog.get_logger(__name__)

_RENEWALS_IN_A_LEASE = 3
_STORE_AGAIN_S = 0.5


class JobHandler(Protocol):
    """Does the work of one kind of job. It ends with `ledger.finish`; what it raises is sorted by `job_faults`. It is
    cancelled when the job is, when the lease is lost, and when the service stops."""

    async def __call__(self, job: Job, ledger: JobLedger) -> None: ...


class Outcome(Enum):
    """How an attempt has ended."""

    DONE = "done"
    FAILED = "failed"
    RETRIED = "retried"
    RELEASED = "released"
    CANCELLED = "cancelled"
    LOST = "lost"


class Attempt:
    """Made for a job that was claimed; `run` it once."""

    def __init__(self, handler: JobHandler, ledger: JobLedger, rules: LeaseRules) -> None:
        self._handler = handler
        self._ledger = ledger
        self._rules = rules
        self._news = asyncio.Event()
        self._stopped: Outcome | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def job(self) -> Job:
        return self._ledger.job

    def look(self) -> None:
        """Something has happened to jobs: look whether this one is to be cancelled."""
        self._news.set()

    def stop(self, outcome: Outcome) -> None:
        """End the work; the first reason counts."""
        self._stopped = self._stopped or outcome
        if self._work is not None:
            self._work.cancel()

    async def run(self) -> Outcome:
        """Work until it is done or must end, and write what has become of the job."""
        log.info("job_started", job_id=self.job.id, kind=self.job.kind.value, attempt=self.job.attempt)
        work = self._work = asyncio.ensure_future(self._handler(self.job, self._ledger))
        if self._stopped is not None:
            work.cancel()
        beating = asyncio.create_task(self._beat(), name=f"lease-{self.job.id}")
        try:
            await asyncio.wait({work})
        finally:
            beating.cancel()
            work.cancel()
            await asyncio.gather(beating, work, return_exceptions=True)
        outcome = await self._settle(None if work.cancelled() else work.exception())
        log.info("job_ended", job_id=self.job.id, kind=self.job.kind.value, outcome=outcome.value)
        return outcome

    async def _beat(self) -> None:
        """Keep the lease, and hear of a cancel."""
        clock, every_s = asyncio.get_running_loop().time, self._rules.lease_s / _RENEWALS_IN_A_LEASE
        renew_at = clock() + every_s
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(renew_at):
                    await self._news.wait()
            self._news.clear()
            due = clock() >= renew_at
            again_s = await self._beat_once(renew=due)
            if due or again_s is not None:
                renew_at = clock() + (every_s if again_s is None else again_s)

    async def _beat_once(self, *, renew: bool) -> float | None:
        """Seconds until it must be tried again, where the database did not answer."""
        try:
            if await (self._ledger.renew() if renew else self._ledger.cancel_requested()):
                self.stop(Outcome.CANCELLED)
        except (LeaseLost, UnknownJob):
            self.stop(Outcome.LOST)
        except CareVoiceError as error:
            log.warning("lease_not_renewed", job_id=self.job.id, why=error.message)
            return _STORE_AGAIN_S
        return None

    async def _settle(self, error: BaseException | None) -> Outcome:
        if self._ledger.finished:
            return Outcome.DONE
        if self._stopped is Outcome.LOST:
            return Outcome.LOST
        try:
            async with asyncio.timeout(self._rules.lease_s):
                return await self._write_end(error)
        except (LeaseLost, UnknownJob):
            return Outcome.LOST
        except (TimeoutError, StoreError) as trouble:
            # The lease expires by itself, and the job goes on wherever the database answers.
            log.warning("job_end_not_written", job_id=self.job.id, why=str(trouble))
            return Outcome.LOST

    async def _write_end(self, error: BaseException | None) -> Outcome:
        lease = self._ledger.lease
        if self._stopped is Outcome.CANCELLED:
            await self._ledger.write(lambda c: jobs.confirm_cancel(c, lease))
            return Outcome.CANCELLED
        if self._stopped is Outcome.RELEASED or isinstance(error, TurnedAway):
            return await self._release(0.0)
        if isinstance(error, LeaseLost):
            return Outcome.LOST
        error = error or CareVoiceError()
        if not isinstance(error, CareVoiceError):
            log.error("job_stumbled", job_id=self.job.id, exc_info=error)
        fault = fault_of(error)
        if fault is Fault.SERVICE:
            log.info("job_waits", job_id=self.job.id, why=str(error))
            return await self._release(wait_s(error))
        return await self._fail(error if isinstance(error, CareVoiceError) else CareVoiceError(), fault)

    async def _release(self, after_s: float) -> Outcome:
        """Give it back; after as long as any job may wait, and not longer."""
        lease, after_s = self._ledger.lease, min(after_s, self._rules.max_backoff_s)
        await self._ledger.write(lambda c: jobs.release(c, lease, c.now + after_s))
        return Outcome.RELEASED

    async def _fail(self, error: CareVoiceError, fault: Fault) -> Outcome:
        lease, rules = self._ledger.lease, self._rules if fault is Fault.CHANCE else None
        described = {"message": error.message, "hint": error.advice}
        job = await self._ledger.write(lambda c: jobs.fail(c, lease, error.code, described, rules=rules))
        log.warning("job_failed", job_id=job.id, code=error.code, detail=error.message, state=job.state.value)
        return Outcome.RETRIED if job.state.active else Outcome.FAILED
