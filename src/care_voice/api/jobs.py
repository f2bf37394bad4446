"""Jobs of recordings, what happens to a recording as it happens, and the nodes that do the work."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from care_voice.api.callers import caller_of
from care_voice.api.new_recordings import OPTIONS, from_json, idempotency_key, wish_of
from care_voice.api.openapi_jobs import EVENTS_DOCS, JOB_DOCS, JOBS_DOCS, NODES_DOCS, RETRY_DOCS, TRANSCRIBE_DOCS
from care_voice.api.parameters import Fields
from care_voice.api.recordings_intake import small_body
from care_voice.api.services import ApiServices, Services
from care_voice.api.shapes import error_shape, listed, moment
from care_voice.api.streams import event_stream
from care_voice.domain.errors import InvalidParameter
from care_voice.domain.jobs import Job, JobKind, JobPriority
from care_voice.domain.recordings import Event
from care_voice.service.jobs import wanted
from care_voice.store.nodes import SeenNode

router = APIRouter(prefix="/api/v1", tags=["Jobs"])

_ACCEPTED, _OK = 202, 200
_LAST_SEEN = "Last-Event-ID"
_BEGUN = b"retry: 2000\n: following\n\n"


@router.post("/recordings/{recording_id}/jobs", openapi_extra=TRANSCRIBE_DOCS, summary="Transcribe it again")
async def create_job(recording_id: str, request: Request, services: Services) -> JSONResponse:
    """With another model, language or other options; the transcripts that are there stay."""
    caller = caller_of(request, services.settings.trusted_proxies)
    fields = Fields(from_json(await small_body(request) or b"{}", OPTIONS))
    wish = wish_of(services, caller, fields)
    key = idempotency_key(request)
    job, new = await services.recordings.jobs.transcribe(recording_id, wish, caller.client, key)
    return JSONResponse(job_shape(job), _ACCEPTED if new else _OK, {"Location": f"/api/v1/jobs/{job.id}"})


@router.get("/recordings/{recording_id}/jobs", responses=JOBS_DOCS, summary="The jobs of a recording")
async def list_jobs(recording_id: str, services: Services) -> dict[str, Any]:
    """The oldest first."""
    return listed([job_shape(job) for job in await services.recordings.jobs.of_recording(recording_id)], None)


@router.get("/jobs/{job_id}", responses=JOB_DOCS, summary="One job")
async def get_job(job_id: str, services: Services) -> dict[str, Any]:
    """Its state, how far it is, and why it failed."""
    return job_shape(await services.recordings.jobs.get(job_id))


@router.post("/jobs/{job_id}/cancel", responses=RETRY_DOCS, summary="Cancel a job")
async def cancel_job(job_id: str, services: Services) -> dict[str, Any]:
    """One that runs stops as soon as its node hears of it."""
    return job_shape(await services.recordings.jobs.cancel(job_id))


@router.post("/jobs/{job_id}/retry", responses=RETRY_DOCS, summary="Queue a job again")
async def retry_job(job_id: str, services: Services) -> dict[str, Any]:
    """One that failed or was cancelled; what it has computed is not computed again."""
    return job_shape(await services.recordings.jobs.retry(job_id))


@router.get("/recordings/{recording_id}/events", openapi_extra=EVENTS_DOCS, summary="Follow a recording")
async def follow_recording(recording_id: str, request: Request, services: Services) -> Response:
    """Everything that happens to it, as server-sent events, each of them once and in order."""
    frames = _frames(services, recording_id, _last_seen(request))
    return await event_stream(frames, services.settings.keep_alive_s)


@router.get("/nodes", responses=NODES_DOCS, summary="The nodes that share the work")
async def list_nodes(services: Services) -> dict[str, Any]:
    """Those that were heard of lately, the oldest first."""
    return listed([_node(node) for node in await services.recordings.jobs.nodes()], None)


async def _frames(services: ApiServices, recording_id: str, seq: int) -> AsyncGenerator[bytes, None]:
    begun = False
    async with aclosing(services.recordings.feed.follow(recording_id, seq)) as pages:
        async for page in pages:
            if not begun:
                begun = True
                yield _BEGUN
            for event in page:
                yield _frame(event)


def _frame(event: Event) -> bytes:
    data = {"at": moment(event.at), **event.body}
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _last_seen(request: Request) -> int:
    """Where the client has got to: browsers send the header when they connect again. Raises InvalidParameter."""
    value = request.headers.get(_LAST_SEEN) or request.query_params.get("after") or "0"
    if not value.isdecimal() or len(value) > 18:
        raise InvalidParameter(param=_LAST_SEEN, why="it must be the id of an event")
    return int(value)


def job_shape(job: Job) -> dict[str, Any]:
    """A job as every route shows it."""
    model, options = wanted(job.request)
    return {
        "id": job.id,
        "recording_id": job.recording_id,
        "kind": job.kind.value,
        "state": job.state.value,
        "priority": "bulk" if job.priority >= JobPriority.BULK else "interactive",
        "client": job.client,
        **({"model": model or None, "options": options} if job.kind is JobKind.TRANSCRIBE else {}),
        "attempt": job.attempt,
        "cancel_requested": job.cancel_requested,
        "progress": {"done_s": job.done_s, "total_s": job.total_s},
        "error": error_shape(job),
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "ended_at": moment(job.ended_at),
    }


def _node(node: SeenNode) -> dict[str, Any]:
    return {
        "id": node.id,
        "host": node.host,
        "pid": node.pid,
        "version": node.version,
        "jobs": node.jobs,
        "started_at": moment(node.started_at),
        "seen_at": moment(node.seen_at),
    }
