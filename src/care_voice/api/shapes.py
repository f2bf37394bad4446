"""The JSON shapes that several routes share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from care_voice.domain.jobs import Job
from care_voice.domain.recordings import Recording


def moment(at: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC with milliseconds; None stays None."""
    if at is None:
        return None
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def recording_shape(recording: Recording) -> dict[str, Any]:
    """A recording as every route shows it."""
    return {
        "id": recording.id,
        "state": recording.state,
        "title": recording.title,
        "notes": recording.notes,
        "tags": list(recording.tags),
        "client": recording.client,
        "source": recording.source,
        "filename": recording.filename,
        "media_type": recording.media_type,
        "metadata": dict(recording.metadata),
        "length": recording.length,
        "received": recording.received,
        "sha256": recording.sha256,
        "duration_s": recording.duration_s,
        "transcript_id": recording.transcript_id,
        "legal_hold": recording.legal_hold,
        "hold_reason": recording.hold_reason,
        "version": recording.version,
        **_times(recording),
    }


def transcription_shape(job: Job | None) -> dict[str, Any]:
    """How far the newest transcription of a recording is, in seconds of sound; without a job its state is `none`."""
    if job is None:
        return {"state": "none", "job_id": None, "done_s": 0.0, "total_s": None, "error": None}
    return {
        "state": job.state.value,
        "job_id": job.id,
        "done_s": job.done_s,
        "total_s": job.total_s,
        "error": error_shape(job),
    }


def error_shape(job: Job) -> dict[str, Any] | None:
    """Why a job failed, or why it is tried again."""
    return None if job.error_code is None else {"code": job.error_code, **(job.error or {})}


def listed(items: list[dict[str, Any]], following: str | None) -> dict[str, Any]:
    """A page of a list; `following` is the cursor of the next one."""
    return {"items": items, "next": following}


def _times(recording: Recording) -> dict[str, Any]:
    return {
        "created_at": moment(recording.created_at),
        "updated_at": moment(recording.updated_at),
        "completed_at": moment(recording.completed_at),
        "expires_at": moment(recording.expires_at),
        "trashed_at": moment(recording.trashed_at),
    }
