"""Jobs in the database: the transitions of `domain.jobs`, each in a transaction that also writes its event.

Whoever works on a job holds a lease, and every change of theirs is refused once another attempt has begun.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from care_voice.domain import jobs
from care_voice.domain.ids import new_id
from care_voice.domain.jobs import Checkpoint, Job, JobKind, JobState, Lease, LeaseRules, Progress
from care_voice.domain.store_errors import JobGaveUp, LeaseLost, UnknownJob
from care_voice.store import events, recordings
from care_voice.store.database import Connection, Row
from care_voice.store.recordings import to_json

TOPIC = "jobs"
ANY_PRIORITY = range(10)
_MOST_REAPED = 100
_NODE_GONE = "node_gone"
"""Why a job is tried again whose holder has died."""


def enqueue(
    connection: Connection, recording_id: str, kind: JobKind, *, client: str, priority: int,
    request: Mapping[str, Any] | None = None,
) -> Job:  # fmt: skip
    """A new job. Raises UnknownRecording."""
    job_id = new_id("job", connection.now)
    connection.run(
        "insert_job", id=job_id, recording_id=recording_id, kind=kind.value, priority=priority, client=client,
        request_json=to_json(request or {}), now=connection.now,
    )  # fmt: skip
    _tell(connection, recording_id, "job.queued", job_id, kind=kind.value)
    connection.notify(TOPIC)
    return get(connection, job_id)


def get(connection: Connection, job_id: str) -> Job:
    """Raises UnknownJob."""
    return _required(connection.one("job", id=job_id), job_id)


def of_recording(connection: Connection, recording_id: str) -> list[Job]:
    """Every job of a recording, the oldest first."""
    return [_from_row(row) for row in connection.all("jobs_of", recording_id=recording_id)]


def latest(connection: Connection, ids: Sequence[str], kind: JobKind) -> dict[str, Job]:
    """The newest job of a kind of each recording that has one, by the recording's id."""
    rows = connection.all("latest_jobs", ids=to_json(ids), kind=kind.value) if ids else []
    return {row["recording_id"]: _from_row(row) for row in rows}


def claim(
    connection: Connection, owner: str, rules: LeaseRules, kinds: Sequence[JobKind], priorities: range = ANY_PRIORITY
) -> Job | None:
    """The most urgent job of the first of `kinds` that has one, leased to `owner`; None where there is none."""
    for kind in kinds:
        row = connection.one(
            "next_job", now=connection.now, absurd=rules.latest_start(connection.now), kind=kind.value,
            least=priorities[0], most=priorities[-1],
        )  # fmt: skip
        if row is not None:
            job = jobs.claimed(_from_row(row), owner, connection.now, rules)
            _save(connection, job)
            _tell(connection, job.recording_id, "job.started", job.id, kind=job.kind.value, attempt=job.attempt)
            return job
    return None


def next_start(connection: Connection) -> float | None:
    """Seconds until the next job may be claimed that may not be yet; None where there is none."""
    row = connection.one("next_job_time", now=connection.now)
    return None if row is None or row["at"] is None else float(row["at"]) - connection.now


def renew(connection: Connection, lease: Lease, rules: LeaseRules) -> bool:
    """Hold the lease for longer; whether the job is to be cancelled. Raises LeaseLost."""
    row = connection.one("renew_lease", **_fence(lease), expires_at=connection.now + rules.lease_s)
    if row is None:
        raise LeaseLost
    return bool(row["cancel_requested"])


def save_window(connection: Connection, lease: Lease, checkpoint: Checkpoint, progress: Progress) -> None:
    """Keep a window that has been computed, and how far the job is. Raises LeaseLost."""
    _progress(connection, lease, progress, saved=True)
    connection.run("insert_window", job_id=lease.job_id, attempt=lease.attempt, **asdict(checkpoint))


def note_progress(connection: Connection, lease: Lease, progress: Progress) -> None:
    """How far the job is. Raises LeaseLost."""
    _progress(connection, lease, progress, saved=False)


def _progress(connection: Connection, lease: Lease, progress: Progress, *, saved: bool) -> None:
    row = connection.one(
        "progress", **_fence(lease), done_s=progress.done_s, total_s=progress.total_s, saved=int(saved)
    )
    if row is None:
        raise LeaseLost
    _tell(connection, row["recording_id"], "job.progress", lease.job_id, **asdict(progress))


def tell_segments(connection: Connection, lease: Lease, segments: Sequence[Mapping[str, Any]]) -> None:
    """Let those who follow the recording read what was said so far. Raises LeaseLost."""
    job = hold(connection, lease)
    _tell(connection, job.recording_id, "job.segments", job.id, segments=segments)


def last_told(connection: Connection, job: Job) -> int:
    """The number of the last segment of this job that was told of; -1 where none was."""
    row = connection.one("last_told", recording_id=job.recording_id)
    body = json.loads(row["body_json"]) if row is not None else {}
    return int(body["segments"][-1]["id"]) if body.get("job_id") == job.id else -1


def demote(connection: Connection, lease: Lease, priority: int) -> Job:
    """It is less urgent than was thought. Raises LeaseLost."""
    return _change(connection, lease, lambda job: jobs.demoted(job, lease, priority))


def hold(connection: Connection, lease: Lease) -> Job:
    """The job, which nobody else changes before this transaction ends. Raises LeaseLost."""
    row = connection.one("lock_job", id=lease.job_id)
    if row is None:
        raise LeaseLost
    job = _from_row(row)
    jobs.require(job, lease)
    return job


def windows(connection: Connection, job_id: str) -> list[Checkpoint]:
    """What has been computed of a job, in order."""
    return [Checkpoint(**row) for row in connection.all("windows_of", job_id=job_id)]


def finish(connection: Connection, lease: Lease, **about: Any) -> Job:
    """The work is done; its result is written in the same transaction, and `about` goes into the event. Raises
    LeaseLost."""

    def change(job: Job) -> Job:
        length_s = recordings.get(connection, job.recording_id, trashed=True).duration_s
        return jobs.finished(job, lease, connection.now, length_s)

    job = _change(connection, lease, change)
    connection.run("delete_windows", job_id=job.id)
    _tell(connection, job.recording_id, "job.done", job.id, kind=job.kind.value, **about)
    return job


def fail(
    connection: Connection, lease: Lease, code: str, error: Mapping[str, Any], *, rules: LeaseRules | None
) -> Job:  # fmt: skip
    """An attempt has ended badly: tried again as `rules` say, or never without them. Raises LeaseLost."""
    job = _change(connection, lease, lambda job: jobs.failed(job, lease, connection.now, rules), code, error)
    _tell_failure(connection, job, code, error)
    connection.notify(TOPIC)
    return job


def release(connection: Connection, lease: Lease, not_before: float) -> Job:
    """Give a job back through no fault of its own; others may take it from `not_before` on. Raises LeaseLost."""
    job = _change(connection, lease, lambda job: jobs.released(job, lease, connection.now, not_before))
    _tell(connection, job.recording_id, f"job.{job.state}", job.id, kind=job.kind.value)
    connection.notify(TOPIC)
    return job


def confirm_cancel(connection: Connection, lease: Lease) -> Job:
    """The holder of the lease has stopped, as it was asked to. Raises LeaseLost."""
    job = _change(connection, lease, lambda job: jobs.cancel_confirmed(job, lease, connection.now))
    _tell(connection, job.recording_id, "job.cancelled", job.id, kind=job.kind.value)
    return job


def cancel(connection: Connection, job_id: str) -> Job:
    """Somebody does not want it any more: one that waits ends at once, one that runs when its holder hears of it.

    Raises:
        UnknownJob: There is none.
        JobNotActive: It has ended.
    """
    job = jobs.cancelled(_locked(connection, job_id), connection.now)
    _save(connection, job)
    if job.state is JobState.CANCELLED:
        _tell(connection, job.recording_id, "job.cancelled", job.id, kind=job.kind.value)
    connection.notify(TOPIC)
    return job


def retry(connection: Connection, job_id: str) -> Job:
    """Queue a job again that failed or was cancelled; what it has computed is kept.

    Raises:
        UnknownJob: There is none.
        JobNotActive: It has not failed.
    """
    job = jobs.retried(_locked(connection, job_id), connection.now)
    _save(connection, job)
    _tell(connection, job.recording_id, "job.queued", job.id, kind=job.kind.value)
    connection.notify(TOPIC)
    return job


def reap(connection: Connection, rules: LeaseRules, gone: Sequence[str] = (), *, expired: bool = True) -> list[Job]:
    """Take jobs back whose holders have died: their leases have `expired`, where that is looked at, or the holders are
    known to be `gone`. What has become of the jobs."""
    absurd = connection.now + 2 * rules.lease_s
    rows = connection.all("expired_jobs", now=connection.now, absurd=absurd, limit=_MOST_REAPED) if expired else []
    for owner in gone:
        held = connection.all("jobs_held_by", owner=owner, limit=_MOST_REAPED)
        rows += [row for row in held if row not in rows]
    return [_reap(connection, _from_row(row), rules) for row in rows]


def _reap(connection: Connection, expired: Job, rules: LeaseRules) -> Job:
    job = jobs.reaped(expired, connection.now, rules)
    if job.state is JobState.CANCELLED:
        _save(connection, job)
        _tell(connection, job.recording_id, "job.cancelled", job.id, kind=job.kind.value)
        return job
    error = JobGaveUp(failures=job.failures)
    described = {"message": error.message, "hint": error.advice} if job.state is JobState.FAILED else {}
    code = error.code if job.state is JobState.FAILED else _NODE_GONE
    _save(connection, job, code, described)
    _tell_failure(connection, job, code, described)
    connection.notify(TOPIC)
    return job


def _tell_failure(connection: Connection, job: Job, code: str, error: Mapping[str, Any]) -> None:
    told = {JobState.FAILED: "job.failed", JobState.QUEUED: "job.retrying"}.get(job.state, f"job.{job.state}")
    retry_at = job.not_before if job.state is JobState.QUEUED else None
    _tell(
        connection, job.recording_id, told, job.id, kind=job.kind.value, code=code, retry_at=retry_at, **error
    )  # fmt: skip


def _change(
    connection: Connection, lease: Lease, change: Callable[[Job], Job], code: str | None = None,
    error: Mapping[str, Any] | None = None,
) -> Job:  # fmt: skip
    """Raises LeaseLost, also where the job is gone."""
    job = change(hold(connection, lease))
    _save(connection, job, code, error)
    return job


def _save(connection: Connection, job: Job, code: str | None = None, error: Mapping[str, Any] | None = None) -> None:
    connection.run(
        "update_job", id=job.id, state=job.state.value, priority=job.priority, attempt=job.attempt,
        failures=job.failures, owner=job.owner, lease_expires_at=job.lease_expires_at, not_before=job.not_before,
        cancel_requested=int(job.cancel_requested), done_s=job.done_s, total_s=job.total_s, error_code=code,
        error_json=None if error is None else to_json(error), started_at=job.started_at, ended_at=job.ended_at,
    )  # fmt: skip


def _tell(connection: Connection, recording_id: str, event: str, job_id: str, /, **about: Any) -> None:
    events.append(connection, recording_id, event, {"job_id": job_id, **about})


def _fence(lease: Lease) -> dict[str, Any]:
    return {"id": lease.job_id, "owner": lease.owner, "attempt": lease.attempt}


def _locked(connection: Connection, job_id: str) -> Job:
    return _required(connection.one("lock_job", id=job_id), job_id)


def _required(row: Row | None, job_id: str) -> Job:
    if row is None:
        raise UnknownJob(job_id=job_id[:80])
    return _from_row(row)


def _from_row(row: Row) -> Job:
    values = dict(row)
    values["kind"], values["state"] = JobKind(values["kind"]), JobState(values["state"])
    values["cancel_requested"] = bool(values["cancel_requested"])
    values["request"] = json.loads(values.pop("request_json"))
    error = values.pop("error_json")
    return Job(**values, error=None if error is None else json.loads(error))
