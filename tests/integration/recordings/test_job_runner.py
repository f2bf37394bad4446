"""The runner of jobs over both databases, with handlers of the test's own: places, cancels, faults, and its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from care_voice.domain.errors import CareVoiceError, UnreadableMedia
from care_voice.domain.ids import new_id
from care_voice.domain.jobs import Checkpoint, Job, JobKind, JobPriority, JobState, Lease, LeaseRules, Progress
from care_voice.domain.recordings import Wish
from care_voice.domain.service_errors import NotReady, Overloaded, WorkerFailed
from care_voice.service.job_ledger import JobLedger, TurnedAway
from care_voice.service.job_runner import JobRunner
from care_voice.service.job_settings import JobSettings
from care_voice.service.node_seat import NodeSeat
from care_voice.store import events, jobs, nodes, recordings
from care_voice.store.database import Connection, Database
from care_voice.telemetry.metrics import Metrics
from support.waiting import PATIENCE_S, until

FAST = JobSettings(lease_s=1.5, poll_s=0.2, backoff_s=0.05, max_backoff_s=0.2, max_failures=3)
Handler = Callable[[Job, JobLedger], Awaitable[None]]


class Desk:
    """A handler whose jobs wait until the test says how they end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.stopped: list[str] = []
        self.ledgers: dict[str, JobLedger] = {}
        self._ends: dict[str, asyncio.Future[BaseException | None]] = {}

    async def __call__(self, job: Job, ledger: JobLedger) -> None:
        self.begun.append(job.id)
        self.ledgers[job.id] = ledger
        try:
            error = await self._ends.setdefault(job.id, asyncio.get_running_loop().create_future())
        except asyncio.CancelledError:
            self.stopped.append(job.id)
            self._ends.pop(job.id)
            raise
        if error is not None:
            raise error
        await ledger.finish()

    def end(self, job: Job, error: BaseException | None = None) -> None:
        self._ends.setdefault(job.id, asyncio.get_running_loop().create_future()).set_result(error)


async def finishing(_: Job, ledger: JobLedger) -> None:
    await ledger.finish()


def failing(error: BaseException) -> Handler:
    async def handler(_: Job, __: JobLedger) -> None:
        raise error

    return handler


@asynccontextmanager
async def runner(
    database: Database, folder: Path, handler: Handler, settings: JobSettings = FAST,
    admit: Callable[[], None] = lambda: None,
) -> AsyncIterator[JobRunner]:  # fmt: skip
    seat = NodeSeat(folder / "nodes", new_id("node", 1.0))
    made = JobRunner(database, {JobKind.TRANSCRIBE: handler}, settings, seat, Metrics(), admit=admit)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        seat.leave()


def new_job(database: Database, priority: int = JobPriority.INTERACTIVE, recording_id: str | None = None) -> Job:
    def work(connection: Connection) -> Job:
        made = recording_id or new_id("rec", connection.now)
        if recording_id is None:
            recordings.insert(connection, made, client="test", source="upload", wish=Wish())
        return jobs.enqueue(connection, made, JobKind.TRANSCRIBE, client="test", priority=priority)

    return database.write(work)


async def becomes(database: Database, job: Job, *states: JobState) -> Job:
    def look() -> Job | None:
        found = database.read(lambda c: jobs.get(c, job.id))
        return found if found.state in states else None

    found = await until(look, f"the job is {' or '.join(states)}")
    assert found is not None
    return found


def kinds(database: Database, job: Job) -> list[str]:
    return [event.kind for event in database.read(lambda c: events.after(c, job.recording_id, 0))]


async def test_a_job_is_done_once_it_is_there(database: Database, tmp_path: Path) -> None:
    async with runner(database, tmp_path, finishing):
        job = await asyncio.to_thread(new_job, database)
        done = await becomes(database, job, JobState.DONE)
    assert (done.attempt, done.failures) == (1, 0)
    assert kinds(database, job) == ["job.queued", "job.started", "job.done"]


async def test_a_cancel_stops_what_runs(database: Database, tmp_path: Path) -> None:
    desk = Desk()
    async with runner(database, tmp_path, desk, replace(FAST, lease_s=60.0)):
        job = await asyncio.to_thread(new_job, database)
        await until(lambda: job.id in desk.begun, "it has begun")
        await database.awrite(lambda c: jobs.cancel(c, job.id))
        # The lease would be renewed in 20 s only: the news came by notification.
        await becomes(database, job, JobState.CANCELLED)
    assert desk.stopped == [job.id]


async def test_who_stands_by_finishes_what_it_has_and_takes_no_more_until_it_takes_part(
    database: Database, tmp_path: Path
) -> None:
    desk = Desk()
    async with runner(database, tmp_path, desk) as standing_by:
        first = await asyncio.to_thread(new_job, database)
        await until(lambda: first.id in desk.begun, "it has begun")
        standing_by.stand_by()
        later = await asyncio.to_thread(new_job, database)
        async with runner(database, tmp_path, finishing):
            await becomes(database, later, JobState.DONE)
        assert desk.begun == [first.id]
        await becomes(database, first, JobState.RUNNING)
        last = await asyncio.to_thread(new_job, database)
        standing_by.take_part()
        await until(lambda: last.id in desk.begun, "it takes jobs again")


async def test_one_that_starts_standing_by_takes_no_job(database: Database, tmp_path: Path) -> None:
    desk = Desk()
    async with runner(database, tmp_path, desk, replace(FAST, standby=True)):
        job = await asyncio.to_thread(new_job, database)
        async with runner(database, tmp_path, finishing):
            await becomes(database, job, JobState.DONE)
    assert desk.begun == []


async def test_a_drained_runner_gives_its_jobs_back_and_takes_no_more(database: Database, tmp_path: Path) -> None:
    desk = Desk()
    async with runner(database, tmp_path, desk) as draining:
        job = await asyncio.to_thread(new_job, database)
        await until(lambda: job.id in desk.begun, "it has begun")
        await draining.drain(PATIENCE_S)
        assert (await becomes(database, job, JobState.QUEUED)).failures == 0
        assert await database.aread(nodes.every) == []
        async with runner(database, tmp_path / "other", finishing):
            done = await becomes(database, job, JobState.DONE)
    assert done.attempt == 2
    assert desk.begun == [job.id]


@pytest.mark.parametrize("error", [WorkerFailed(why="it fell over"), RuntimeError("a bug")])
async def test_what_may_pass_is_tried_again_and_not_for_ever(
    database: Database, tmp_path: Path, error: BaseException
) -> None:
    async with runner(database, tmp_path, failing(error)):
        job = await asyncio.to_thread(new_job, database)
        failed = await becomes(database, job, JobState.FAILED)
        other = await asyncio.to_thread(new_job, database)
        await becomes(database, other, JobState.FAILED)
    assert failed.failures == failed.attempt == FAST.max_failures
    assert failed.error_code == (error.code if isinstance(error, CareVoiceError) else "internal_error")
    assert kinds(database, job).count("job.retrying") == FAST.max_failures - 1


async def test_what_is_wrong_with_the_recording_is_not_tried_again(database: Database, tmp_path: Path) -> None:
    error = UnreadableMedia(why="no known format fits its content")
    async with runner(database, tmp_path, failing(error)):
        job = await asyncio.to_thread(new_job, database)
        failed = await becomes(database, job, JobState.FAILED)
    assert (failed.attempt, failed.error_code) == (1, "unreadable_media")
    assert failed.error == {"message": error.message, "hint": error.advice}


async def test_what_is_no_fault_of_the_job_is_not_counted(database: Database, tmp_path: Path) -> None:
    refusals = [NotReady(why="it starts"), Overloaded(retry_after_s=3600)] * FAST.max_failures

    async def refusing(_: Job, ledger: JobLedger) -> None:
        if refusals:
            raise refusals.pop()
        await ledger.finish()

    async with runner(database, tmp_path, refusing):
        job = await asyncio.to_thread(new_job, database)
        done = await becomes(database, job, JobState.DONE)
    assert (done.failures, done.attempt) == (0, 1 + 2 * FAST.max_failures)


async def test_a_job_that_gets_further_each_time_is_not_given_up(database: Database, tmp_path: Path) -> None:
    async def stumbling(_: Job, ledger: JobLedger) -> None:
        known = len(await ledger.windows())
        if known == 2 * FAST.max_failures:
            await ledger.finish()
            return
        await ledger.save(Checkpoint(known, 0.0, 1.0, "{}"), Progress(1.0))
        raise WorkerFailed(why="after a window")

    async with runner(database, tmp_path, stumbling):
        job = await asyncio.to_thread(new_job, database)
        await becomes(database, job, JobState.DONE)
    assert await database.aread(lambda c: jobs.windows(c, job.id)) == []


async def test_a_short_recording_does_not_wait_for_long_ones(database: Database, tmp_path: Path) -> None:
    """Long ones have places of their own; what turns out to be long moves there, or waits for a place."""
    desk = Desk()
    async with runner(database, tmp_path, desk, replace(FAST, interactive=1, bulk=1)):
        first = await asyncio.to_thread(new_job, database)
        await until(lambda: first.id in desk.begun, "it has begun")
        second = await asyncio.to_thread(new_job, database)
        await desk.ledgers[first.id].demote()
        await until(lambda: second.id in desk.begun, "it has begun")

        with pytest.raises(TurnedAway) as turned_away:
            await desk.ledgers[second.id].demote()
        desk.end(second, turned_away.value)
        waiting = await becomes(database, second, JobState.QUEUED)
        assert (waiting.priority, waiting.failures) == (JobPriority.BULK, 0)

        short = await asyncio.to_thread(new_job, database)
        await until(lambda: short.id in desk.begun, "it has begun")
        assert desk.begun == [first.id, second.id, short.id]
        for job in (short, first):
            desk.end(job)
            await becomes(database, job, JobState.DONE)
        await until(lambda: desk.begun[-1] == second.id, "the long one has its turn")


async def test_jobs_wait_until_the_service_is_ready(database: Database, tmp_path: Path) -> None:
    ready = False

    def admit() -> None:
        if not ready:
            raise NotReady(why="it starts")

    async with runner(database, tmp_path, finishing, admit=admit):
        job = await asyncio.to_thread(new_job, database)
        await until(lambda: database.read(nodes.every), "the node has said that it is there")
        assert (await becomes(database, job, JobState.QUEUED)).attempt == 0
        ready = True
        await becomes(database, job, JobState.DONE)


async def test_leases_are_kept_while_a_job_runs_and_expire_with_its_node(database: Database, tmp_path: Path) -> None:
    desk = Desk()
    async with runner(database, tmp_path / "first", desk):
        job = await asyncio.to_thread(new_job, database)
        await until(lambda: job.id in desk.begun, "it has begun")
        async with runner(database, tmp_path / "second", finishing):
            for _ in range(3):
                until_now = database.read(lambda c: jobs.get(c, job.id)).lease_expires_at
                await until(
                    lambda before=until_now: database.read(lambda c: jobs.get(c, job.id)).lease_expires_at != before,  # type: ignore[misc]
                    "the lease is renewed",
                )
            assert (await becomes(database, job, JobState.RUNNING)).attempt == 1
    # It ended without a word, as when it is killed; the seat is another machine's, so that only time tells.
    async with runner(database, tmp_path / "third", finishing):
        done = await becomes(database, job, JobState.DONE)
    assert done.attempt == 2


async def test_a_node_without_a_seat_takes_back_what_has_expired(database: Database, tmp_path: Path) -> None:
    dead = new_id("node", 1.0)
    job = await asyncio.to_thread(new_job, database)
    await database.awrite(lambda c: jobs.claim(c, dead, FAST.rules, [JobKind.TRANSCRIBE]))
    (tmp_path / "nodes").write_text("no directory", encoding="utf-8")

    async with runner(database, tmp_path, finishing):
        done = await becomes(database, job, JobState.DONE)
        assert await database.aread(nodes.every)
    assert done.attempt == 2


async def test_a_node_that_lost_its_lease_stops(database: Database, tmp_path: Path) -> None:
    desk = Desk()
    async with runner(database, tmp_path, desk):
        job = await asyncio.to_thread(new_job, database)
        await until(lambda: job.id in desk.begun, "it has begun")
        ledger = desk.ledgers[job.id]
        await database.awrite(lambda c: jobs.fail(c, ledger.lease, "x", {}, rules=None))
        await until(lambda: desk.stopped == [job.id], "the work has stopped")
    assert (await becomes(database, job, JobState.FAILED)).error_code == "x"


async def test_a_commit_whose_answer_was_lost_is_found_to_be_done(database: Database) -> None:
    job = await asyncio.to_thread(new_job, database)
    rules = LeaseRules()
    claimed = await database.awrite(lambda c: jobs.claim(c, "node", rules, [JobKind.TRANSCRIBE]))
    assert claimed is not None
    assert claimed.id == job.id
    await JobLedger(database, claimed, rules).finish()
    again = JobLedger(database, claimed, rules)
    await again.finish()
    assert again.finished
    stranger = JobLedger(database, replace(claimed, attempt=2), rules)
    with pytest.raises(CareVoiceError):
        await stranger.finish()
    assert stranger.lease == Lease(job.id, "node", 2)
