"""What a handler of jobs writes with: every word of it is refused once another attempt has begun."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import structlog

from care_voice.domain.jobs import Checkpoint, Job, JobPriority, JobState, Lease, LeaseRules, Progress
from care_voice.domain.store_errors import LeaseLost, StoreBusy, StoreUnavailable
from care_voice.store import jobs
from care_voice.store.database import Connection, Database

log = structlog.get_logger(__name__)

T = TypeVar("T")
_AGAIN_S = 0.5


class TurnedAway(Exception):
    """The job has turned out to be long, and long ones have no place here now; it waits for one."""


class JobLedger:
    """One attempt of a job. A database that is away is waited for: until it answers, nobody else can take the job.

    Every method may raise LeaseLost, and StoreError where the database cannot be used for long.
    """

    def __init__(self, database: Database, job: Job, rules: LeaseRules) -> None:
        self._database = database
        self._rules = rules
        self.job = job
        self.becomes_bulk: Callable[[], bool] = lambda: True
        """Takes a place among the long ones; False where there is none."""
        self.finished = False

    @property
    def lease(self) -> Lease:
        return self.job.lease

    async def windows(self) -> list[Checkpoint]:
        """What earlier attempts have computed."""
        return await self._database.aread(lambda c: jobs.windows(c, self.job.id))

    async def last_told(self) -> int:
        """The number of the last segment that followers have been told of; -1 where there is none."""
        return await self._database.aread(lambda c: jobs.last_told(c, self.job))

    async def save(self, checkpoint: Checkpoint, progress: Progress) -> None:
        """Keep a window."""
        await self.write(lambda c: jobs.save_window(c, self.lease, checkpoint, progress))

    async def note(self, progress: Progress) -> None:
        """Say how far it is."""
        await self.write(lambda c: jobs.note_progress(c, self.lease, progress))

    async def tell(self, segments: Sequence[Mapping[str, Any]]) -> None:
        """Let followers read what was said so far."""
        await self.write(lambda c: jobs.tell_segments(c, self.lease, segments))

    async def demote(self) -> None:
        """It is long: it counts as bulk from now on, here and wherever it goes on. Raises TurnedAway."""
        if self.job.priority < JobPriority.BULK:
            stays = self.becomes_bulk()
            self.job = await self.write(lambda c: jobs.demote(c, self.lease, JobPriority.BULK))
            if not stays:
                raise TurnedAway

    async def finish(self, work: Callable[[Connection], Mapping[str, Any] | None] = lambda _: None) -> None:
        """Write the result with `work`, and that the job is done, in one transaction. What `work` returns goes into the
        event."""

        def both(connection: Connection) -> None:
            jobs.hold(connection, self.lease)
            jobs.finish(connection, self.lease, **(work(connection) or {}))

        try:
            await self.write(both)
        except LeaseLost:
            # A commit whose answer was lost may have been done.
            found = await self._database.aread(lambda c: jobs.get(c, self.job.id))
            if (found.state, found.attempt) != (JobState.DONE, self.job.attempt):
                raise
        self.finished = True

    async def renew(self) -> bool:
        """Hold the lease for longer; whether the job is to be cancelled. A database that is away is not waited for."""
        return await self._database.awrite(lambda c: jobs.renew(c, self.lease, self._rules))

    async def cancel_requested(self) -> bool:
        """Whether the job is to be cancelled. Raises UnknownJob where it was deleted."""
        return (await self._database.aread(lambda c: jobs.get(c, self.job.id))).cancel_requested

    async def write(self, work: Callable[[Connection], T]) -> T:
        """A transaction of this attempt; `work` checks the lease."""
        while True:
            try:
                return await self._database.awrite(work)
            except (StoreUnavailable, StoreBusy) as error:
                log.warning("job_waits_for_the_database", job_id=self.job.id, why=error.message)
            await asyncio.sleep(_AGAIN_S)
