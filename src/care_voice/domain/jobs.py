"""Jobs and their legal transitions. Pure: the store does the same under a transaction, and a test compares them.

    queued ──claim──▶ running ──finish──▶ done
      ▲  │              │  │
      │  └──cancel──▶ cancelled ◀──cancelled──┤
      │                 │  └──fail for good──▶ failed ──retry──▶ queued
      └─ fail, with a time to try again; release; expiry of the lease

A lease is a job's attempt: whoever holds an older one is refused, however late it comes. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from care_voice.domain.store_errors import JobNotActive, LeaseLost


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        return self in (JobState.QUEUED, JobState.RUNNING)


class JobKind(StrEnum):
    TRANSCRIBE = "transcribe"
    DERIVE = "derive"


class JobPriority:
    """The lower goes first."""

    INTERACTIVE = 1
    BULK = 2
    DERIVE = 3


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job: one owner's one attempt."""

    job_id: str
    owner: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work on a recording.

    `attempt` counts claims, `failures` those that ended badly: a node that died, or an error that may pass. `done_s` of
    `total_s` seconds of sound are worked through. `request` is what was asked for (`Wish` as a mapping).
    """

    id: str
    recording_id: str
    kind: JobKind
    state: JobState
    priority: int
    client: str
    request: Mapping[str, Any] = field(default_factory=dict)
    release: str = ""
    attempt: int = 0
    failures: int = 0
    owner: str | None = None
    lease_expires_at: float | None = None
    not_before: float = 0.0
    cancel_requested: bool = False
    done_s: float = 0.0
    total_s: float | None = None
    error_code: str | None = None
    error: Mapping[str, Any] | None = None
    created_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None

    @property
    def lease(self) -> Lease:
        """The lease under which it runs. Raises LeaseLost where it does not run."""
        if self.state is not JobState.RUNNING or self.owner is None:
            raise LeaseLost
        return Lease(self.id, self.owner, self.attempt)

    @property
    def failure(self) -> dict[str, str]:
        """`why` it failed, without the full stop, and the `advice` to those who read that."""
        error = self.error or {}
        why = str(error.get("message") or self.error_code or "")
        return {"why": why.removesuffix("."), "advice": str(error.get("hint") or "")}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A window that has been computed: `decoded_json` is what came out of it."""

    number: int
    start_s: float
    end_s: float
    decoded_json: str


@dataclass(frozen=True, slots=True)
class Progress:
    """`done_s` of `total_s` seconds of sound are worked through (None: not known yet); by the speed so far it takes
    `eta_s` seconds more."""

    done_s: float
    total_s: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True)
class LeaseRules:
    """`lease_s` is how long a claim holds without a renewal; a job whose attempts have ended badly `max_failures` times
    in a row, with nothing new computed between, is given up; the wait before the next attempt is `backoff_s`, doubled
    each time up to `max_backoff_s`.
    """

    lease_s: float = 15.0
    max_failures: int = 5
    backoff_s: float = 2.0
    max_backoff_s: float = 300.0

    def wait_s(self, failures: int) -> float:
        """Seconds to wait after so many failures (from 1)."""
        return float(min(self.max_backoff_s, self.backoff_s * 2 ** min(failures - 1, 30)))

    def latest_start(self, now: float) -> float:
        """No job waits for longer: one that is put off further was written before the clock was set back."""
        return now + 2 * self.max_backoff_s

    def expired(self, job: Job, now: float) -> bool:
        """Whether nobody may hold this lease any more. One that ends further ahead than any could was written before
        the clock was set back."""
        return (
            job.state is JobState.RUNNING
            and job.lease_expires_at is not None
            and not now < job.lease_expires_at <= now + 2 * self.lease_s
        )


def claimable(job: Job, now: float, rules: LeaseRules) -> bool:
    """Whether a node may take the job now."""
    return job.state is JobState.QUEUED and not now < job.not_before <= rules.latest_start(now)


def claimed(job: Job, owner: str, now: float, rules: LeaseRules) -> Job:
    """The job as `owner` works on it. Raises JobNotActive where it cannot be claimed."""
    if not claimable(job, now, rules):
        raise JobNotActive(job_id=job.id, state=job.state)
    return replace(
        job, state=JobState.RUNNING, owner=owner, attempt=job.attempt + 1, lease_expires_at=now + rules.lease_s,
        started_at=job.started_at or now,
    )  # fmt: skip


def require(job: Job, lease: Lease) -> None:
    """Raises LeaseLost where `lease` is not the one under which the job runs."""
    if job.state is not JobState.RUNNING or (job.owner, job.attempt) != (lease.owner, lease.attempt):
        raise LeaseLost


def renewed(job: Job, lease: Lease, now: float, lease_s: float) -> Job:
    """The lease holds for longer. Raises LeaseLost."""
    require(job, lease)
    return replace(job, lease_expires_at=now + lease_s)


def progressed(job: Job, lease: Lease, done_s: float, total_s: float | None, *, saved: bool) -> Job:
    """It is so far. What has `saved` something new is no job that fails always the same way. Raises LeaseLost."""
    require(job, lease)
    total_s = job.total_s if total_s is None else total_s
    return replace(job, done_s=done_s, total_s=total_s, failures=0 if saved else job.failures)


def demoted(job: Job, lease: Lease, priority: int) -> Job:
    """It has turned out to be less urgent. Raises LeaseLost."""
    require(job, lease)
    return replace(job, priority=priority)


def finished(job: Job, lease: Lease, now: float, total_s: float | None = None) -> Job:
    """The work is done, and with it all of the sound: `total_s` of it, where that is known now. Raises LeaseLost."""
    require(job, lease)
    all_s = next((each for each in (total_s, job.total_s) if each is not None), job.done_s)
    return _ended(replace(job, done_s=all_s, total_s=all_s), JobState.DONE, now)


def released(job: Job, lease: Lease, now: float, not_before: float) -> Job:
    """Given back through no fault of the job's. Raises LeaseLost."""
    require(job, lease)
    return _back(job, now, not_before)


def failed(job: Job, lease: Lease, now: float, rules: LeaseRules | None) -> Job:
    """An attempt has ended badly: `rules` say whether there is another one; without them there is none. Raises
    LeaseLost."""
    require(job, lease)
    counted = replace(job, failures=job.failures + 1)
    if rules is None or counted.failures >= rules.max_failures:
        return _ended(counted, JobState.FAILED, now)
    return _back(counted, now, now + rules.wait_s(counted.failures))


def reaped(job: Job, now: float, rules: LeaseRules) -> Job:
    """A job whose lease has expired: back in the queue, cancelled where that was asked for, or given up."""
    counted = replace(job, failures=job.failures + 1)
    if counted.failures >= rules.max_failures and not job.cancel_requested:
        return _ended(counted, JobState.FAILED, now)
    return _back(counted, now, now + rules.wait_s(counted.failures))


def cancelled(job: Job, now: float) -> Job:
    """Somebody does not want it any more: at once where nobody works on it, else the holder of the lease is told.
    Raises JobNotActive where it has ended."""
    if not job.state.active:
        raise JobNotActive(job_id=job.id, state=job.state)
    asked = replace(job, cancel_requested=True)
    return _ended(asked, JobState.CANCELLED, now) if job.state is JobState.QUEUED else asked


def cancel_confirmed(job: Job, lease: Lease, now: float) -> Job:
    """The holder of the lease has stopped. Raises LeaseLost."""
    require(job, lease)
    return _ended(job, JobState.CANCELLED, now)


def retried(job: Job, now: float) -> Job:
    """A job that failed or was cancelled is queued again; what it has computed is kept. Raises JobNotActive."""
    if job.state not in (JobState.FAILED, JobState.CANCELLED):
        raise JobNotActive(job_id=job.id, state=job.state)
    return replace(_queued(job, now), failures=0, cancel_requested=False, error_code=None, error=None, ended_at=None)


def _back(job: Job, now: float, not_before: float) -> Job:
    """In the queue again, or cancelled where that was asked for meanwhile."""
    return _ended(job, JobState.CANCELLED, now) if job.cancel_requested else _queued(job, not_before)


def _queued(job: Job, not_before: float) -> Job:
    return replace(job, state=JobState.QUEUED, owner=None, lease_expires_at=None, not_before=not_before)


def _ended(job: Job, state: JobState, now: float) -> Job:
    return replace(job, state=state, owner=None, lease_expires_at=None, ended_at=now)
