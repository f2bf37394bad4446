"""Jobs in both databases against the pure model: claims, expiry, late workers, cancels, and clocks that jump.

Every lease that was ever given is kept and used again at any time; what the model refuses, the store must refuse, and
what the model does, the store must do. The rules below are the only way to change a job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from care_voice.domain import jobs as model
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.ids import new_id
from care_voice.domain.jobs import (
    Checkpoint,
    Job,
    JobKind,
    JobPriority,
    JobState,
    Lease,
    LeaseRules,
    Progress,
)
from care_voice.domain.recordings import Wish
from care_voice.domain.store_errors import JobNotActive, LeaseLost
from care_voice.store import events, jobs, recordings
from care_voice.store.database import Connection, Database

RULES = LeaseRules(lease_s=15.0, max_failures=3, backoff_s=2.0, max_backoff_s=60.0)
NODES = st.sampled_from(["node-a", "node-b", "node-c"])
KINDS = [JobKind.TRANSCRIBE, JobKind.DERIVE]
_BEGIN = 1_800_000_000.0
OpenClocked = Callable[[Callable[[], float]], Database]


class Clock:
    """The database's clock, which the machine sets."""

    def __init__(self) -> None:
        self.now = _BEGIN

    def __call__(self) -> float:
        return self.now


class JobsMachine(RuleBasedStateMachine):
    """`known` is what the model says of each job; `leases` are all that were ever given."""

    database: Database
    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.clock.now = _BEGIN
        self.known: dict[str, Job] = {}
        self.windows: dict[str, dict[int, str]] = {}
        self.leases: list[Lease] = []
        self.written: dict[str, int] = {}
        self.recording_id = self.database.write(self._new_recording)

    @staticmethod
    def _new_recording(connection: Connection) -> str:
        recording_id = new_id("rec", connection.now)
        recordings.insert(connection, recording_id, client="test", source="upload", wish=Wish())
        return recording_id

    def _write(self, work: Callable[[Connection], Any]) -> Any:
        return self.database.write(work)

    def _lease(self, data: st.DataObject) -> Lease:
        """One of the last, mostly: older ones have been refused before."""
        return data.draw(st.sampled_from(self.leases[-3:]) | st.sampled_from(self.leases), "lease")

    def _same(self, expect: Callable[[], Job], do: Callable[[Connection], object], job_id: str) -> Job | None:
        """Do it in the model and in the store: both refuse for the same reason, or both change the job."""
        try:
            job = expect()
        except (LeaseLost, JobNotActive) as refusal:
            with pytest.raises(type(refusal)):
                self._write(do)
            return None
        self._write(do)
        self.known[job_id] = job
        return job

    # --- what happens -------------------------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        """There is work, and somebody does it."""
        for kind in KINDS:
            self.enqueue(kind, JobPriority.INTERACTIVE)
        for node in ("node-a", "node-b"):
            self.claim(node, bulk=False)

    @rule(kind=st.sampled_from(KINDS), priority=st.sampled_from([JobPriority.INTERACTIVE, JobPriority.BULK]))
    def enqueue(self, kind: JobKind, priority: int) -> None:
        self.clock.now += 0.001  # no two at the same moment, whose random identifiers would decide which goes first
        job = self._write(lambda c: jobs.enqueue(c, self.recording_id, kind, client="test", priority=priority))
        self.known[job.id] = job
        self.windows[job.id] = {}

    @rule(node=NODES, bulk=st.booleans())
    def claim(self, node: str, bulk: bool) -> None:
        priorities = range(JobPriority.BULK, 10) if bulk else jobs.ANY_PRIORITY
        job = self._write(lambda c: jobs.claim(c, node, RULES, KINDS, priorities))
        free = [
            known for known in self.known.values()
            if known.priority in priorities and model.claimable(known, self.clock.now, RULES)
        ]  # fmt: skip
        if job is None:
            assert not free
            return
        first = min(free, key=lambda each: (KINDS.index(each.kind), each.priority, each.created_at, each.id))
        assert job.id == first.id
        self.known[job.id] = model.claimed(first, node, self.clock.now, RULES)
        self.leases.append(job.lease)

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        self._renew(self._lease(data))

    def _renew(self, lease: Lease) -> None:
        known = self.known[lease.job_id]
        asked = self._same(
            lambda: model.renewed(known, lease, self.clock.now, RULES.lease_s),
            lambda c: self._heard(jobs.renew(c, lease, RULES), known),
            lease.job_id,
        )
        assert asked is None or asked.state is JobState.RUNNING

    @staticmethod
    def _heard(cancel: bool, known: Job) -> None:
        assert cancel is known.cancel_requested

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), number=st.integers(0, 3))
    def save(self, data: st.DataObject, number: int) -> None:
        lease = self._lease(data)
        text = f'{{"by":"{lease.owner}","attempt":{lease.attempt}}}'
        saved = self._same(
            lambda: model.progressed(self.known[lease.job_id], lease, float(number), None, saved=True),
            lambda c: jobs.save_window(c, lease, Checkpoint(number, 0.0, 1.0, text), Progress(float(number))),
            lease.job_id,
        )
        if saved is not None:
            self.windows[lease.job_id][number] = text

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def demote(self, data: st.DataObject) -> None:
        lease = self._lease(data)
        self._same(
            lambda: model.demoted(self.known[lease.job_id], lease, JobPriority.BULK),
            lambda c: jobs.demote(c, lease, JobPriority.BULK),
            lease.job_id,
        )

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        lease = self._lease(data)
        done = self._same(
            lambda: model.finished(self.known[lease.job_id], lease, self.clock.now),
            lambda c: jobs.finish(c, lease),
            lease.job_id,
        )
        if done is not None:
            self.windows[lease.job_id] = {}
            self.written[lease.job_id] = self.written.get(lease.job_id, 0) + 1

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), for_good=st.booleans())
    def fail(self, data: st.DataObject, for_good: bool) -> None:
        lease, rules = self._lease(data), None if for_good else RULES
        self._same(
            lambda: model.failed(self.known[lease.job_id], lease, self.clock.now, rules),
            lambda c: jobs.fail(c, lease, "worker_failed", {"message": "it failed"}, rules=rules),
            lease.job_id,
        )

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), wait_s=st.sampled_from([0.0, 5.0]))
    def release(self, data: st.DataObject, wait_s: float) -> None:
        lease = self._lease(data)
        self._same(
            lambda: model.released(self.known[lease.job_id], lease, self.clock.now, self.clock.now + wait_s),
            lambda c: jobs.release(c, lease, c.now + wait_s),
            lease.job_id,
        )

    @precondition(lambda self: self.leases)
    @rule(data=st.data())
    def confirm_cancel(self, data: st.DataObject) -> None:
        lease = self._lease(data)
        self._same(
            lambda: model.cancel_confirmed(self.known[lease.job_id], lease, self.clock.now),
            lambda c: jobs.confirm_cancel(c, lease),
            lease.job_id,
        )

    @precondition(lambda self: self.known)
    @rule(data=st.data(), again=st.booleans())
    def ask(self, data: st.DataObject, again: bool) -> None:
        """Somebody cancels a job, or has it retried."""
        job_id = data.draw(st.sampled_from(list(self.known)), "job")
        change, do = (model.retried, jobs.retry) if again else (model.cancelled, jobs.cancel)
        asked = self._same(lambda: change(self.known[job_id], self.clock.now), lambda c: do(c, job_id), job_id)
        if asked is not None and asked.state is JobState.RUNNING:
            self._renew(asked.lease)

    @rule(gone=st.sets(NODES, max_size=2))
    def reap(self, gone: set[str]) -> None:
        reaped = self._write(lambda c: jobs.reap(c, RULES, sorted(gone)))
        due = {
            known.id for known in self.known.values()
            if RULES.expired(known, self.clock.now) or (known.state is JobState.RUNNING and known.owner in gone)
        }  # fmt: skip
        assert {job.id for job in reaped} == due
        assert len(reaped) == len(due)
        for job_id in due:
            self.known[job_id] = model.reaped(self.known[job_id], self.clock.now, RULES)

    @precondition(lambda self: any(job.state is JobState.RUNNING for job in self.known.values()))
    @rule(node=NODES)
    def take_over(self, node: str) -> None:
        """A node stops for a while, and another one has its jobs meanwhile."""
        self.wait(RULES.lease_s + 1)
        self.reap(set())
        self.wait(RULES.max_backoff_s)
        self.claim(node, bulk=False)

    @rule(seconds=st.sampled_from([0.5, 3.0, 14.0, 16.0, 70.0, 86_400.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @rule(seconds=st.sampled_from([-1.0, -20.0, -100.0, -86_400.0, -1e8]))
    def jump_back(self, seconds: float) -> None:
        """Somebody sets the clock back."""
        self.clock.now += seconds

    # --- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_store_agrees_with_the_model(self) -> None:
        found = self.database.read(lambda c: jobs.of_recording(c, self.recording_id))
        plain = [replace(job, error=None, error_code=None) for job in found]
        assert {job.id: job for job in plain} == {
            job.id: replace(job, error=None, error_code=None) for job in self.known.values()
        }

    @invariant()
    def windows_are_those_of_the_last_that_held_the_job(self) -> None:
        for job_id, expected in self.windows.items():
            kept = self.database.read(lambda c, job_id=job_id: jobs.windows(c, job_id))  # type: ignore[misc]
            assert {window.number: window.decoded_json for window in kept} == expected

    @invariant()
    def no_job_is_finished_twice(self) -> None:
        assert all(count == 1 for count in self.written.values())

    def teardown(self) -> None:
        """Nothing is stuck: with time alone, and nodes that finish what they take, every job ends."""
        self._drain()
        states = {job.state for job in self.database.read(lambda c: jobs.of_recording(c, self.recording_id))}
        assert not states & {JobState.QUEUED, JobState.RUNNING}
        ended = self.database.read(lambda c: events.after(c, self.recording_id, 0, 10_000))
        assert [event.seq for event in ended] == list(range(1, len(ended) + 1))

    def _drain(self) -> None:
        for _ in range(4):
            self._write(lambda c: jobs.reap(c, RULES))
            self.clock.now += RULES.max_backoff_s + RULES.lease_s
            while (job := self._write(lambda c: jobs.claim(c, "node-z", RULES, KINDS))) is not None:
                self._write(lambda c, lease=job.lease: jobs.finish(c, lease))


def test_the_store_does_what_the_model_says(open_clocked: OpenClocked) -> None:
    clock = Clock()
    with _on(open_clocked(clock), clock):
        run_state_machine_as_test(
            JobsMachine,
            settings=settings(
                max_examples=100, stateful_step_count=30, deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )  # fmt: skip


@contextmanager
def _on(database: Database, clock: Clock) -> Iterator[None]:
    JobsMachine.database, JobsMachine.clock = database, clock
    try:
        yield
    finally:
        del JobsMachine.database, JobsMachine.clock


def test_a_job_that_ended_says_so_to_whoever_retries_or_cancels(database: Database) -> None:
    def made(connection: Connection) -> Job:
        recording_id = JobsMachine._new_recording(connection)
        return jobs.enqueue(connection, recording_id, JobKind.DERIVE, client="test", priority=JobPriority.DERIVE)

    job = database.write(made)
    with pytest.raises(JobNotActive) as refused:
        database.write(lambda c: jobs.retry(c, job.id))
    assert isinstance(refused.value, CareVoiceError)
    assert "queued" in refused.value.message


def test_a_job_whose_node_dies_each_time_is_given_up_and_says_why(database: Database) -> None:
    def made(connection: Connection) -> Job:
        recording_id = JobsMachine._new_recording(connection)
        return jobs.enqueue(connection, recording_id, JobKind.TRANSCRIBE, client="test", priority=JobPriority.BULK)

    job = database.write(made)
    rules = LeaseRules(max_failures=2, backoff_s=0.0)
    for attempt in (1, 2):
        claimed = database.write(lambda c: jobs.claim(c, "node-a", rules, KINDS))
        assert claimed is not None
        assert claimed.attempt == attempt
        database.write(lambda c: jobs.reap(c, rules, ["node-a"], expired=False))
    found = database.read(lambda c: jobs.get(c, job.id))
    assert (found.state, found.error_code) == (JobState.FAILED, "job_gave_up")
    assert found.error is not None
    assert "2 attempts" in found.error["message"]
    kinds = [event.kind for event in database.read(lambda c: events.after(c, job.recording_id, 0))]
    assert kinds == ["job.queued", "job.started", "job.retrying", "job.started", "job.failed"]
