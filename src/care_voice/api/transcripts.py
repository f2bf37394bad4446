"""Stored transcripts: read, edit, undo, their history, and files of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from care_voice.api.callers import caller_of
from care_voice.api.edit_bodies import read_edits, read_revision, read_version
from care_voice.api.openapi_transcripts import (
    CURRENT_DOCS,
    EDIT_DOCS,
    EXPORT_DOCS,
    HISTORY_DOCS,
    TRANSCRIPT_DOCS,
    UNDO_DOCS,
    VERSIONS_DOCS,
)
from care_voice.api.parameters import Fields
from care_voice.api.services import ApiServices, Services
from care_voice.api.shapes import moment
from care_voice.domain.formats import stored_head, stored_segment
from care_voice.domain.history import Entry
from care_voice.domain.store_errors import UnknownTranscript
from care_voice.domain.stored import TranscriptHead
from care_voice.service.exports import FORMATS
from care_voice.service.transcripts import Page
from care_voice.store.transcripts import Edited

router = APIRouter(prefix="/api/v1/recordings/{recording_id}", tags=["Transcripts"])

_NOT_MODIFIED = 304
_MOST_SEGMENTS = 10_000
_SEGMENTS = 1_000
_MOST_ENTRIES = 1_000
_ENTRIES = 100
_NEVER = 1 << 60
_CURRENT = "current"


@router.get("/transcripts", openapi_extra=VERSIONS_DOCS, summary="Every version of the transcript")
async def list_versions(recording_id: str, services: Services) -> dict[str, Any]:
    """The oldest first: one for each transcription of the recording."""
    heads = await services.recordings.transcripts.versions(recording_id)
    return {"items": [_head(head) for head in heads], "next": None}


@router.put("/transcripts/current", openapi_extra=CURRENT_DOCS, summary="Choose the version that is shown")
async def choose_version(recording_id: str, request: Request, services: Services) -> dict[str, Any]:
    """It is also the one that is searched. A new transcription becomes current by itself."""
    version = await read_version(request)
    return _head(await services.recordings.transcripts.make_current(recording_id, version))


@router.get("/transcripts/{version}", openapi_extra=TRANSCRIPT_DOCS, summary="A version with its segments")
async def read_transcript(recording_id: str, version: str, request: Request, services: Services) -> Response:
    """`version` is a number or current. Segments come in pages: `from` counts them from 0, `next` is where to go on."""
    query = _query(request)
    skip = query.integer("from", 0, 10**9) or 0
    limit = query.integer("limit", 1, _MOST_SEGMENTS) or _SEGMENTS
    words = query.flag("words")
    page = await services.recordings.transcripts.page(recording_id, _number(version), skip=skip, limit=limit)
    headers = {"ETag": _tag(page.head), "Cache-Control": "no-cache"}
    if headers["ETag"] in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=_NOT_MODIFIED, headers=headers)
    return JSONResponse(_page(page, skip, words=words), headers=headers)


@router.patch("/transcripts/{version}", openapi_extra=EDIT_DOCS, summary="Edit")
async def edit_transcript(recording_id: str, version: str, request: Request, services: Services) -> Response:
    """All edits of a request are made, in order, or none. Together they are one entry of the history."""
    number = _number(version)
    edits, seen = await read_edits(request)
    who = _who(request, services)
    return _edited(await services.recordings.transcripts.edit(recording_id, number, edits, seen=seen, who=who))


@router.post("/transcripts/{version}/undo", openapi_extra=UNDO_DOCS, summary="Take back the last edit")
async def undo_edit(recording_id: str, version: str, request: Request, services: Services) -> Response:
    """Whoever made it. The history keeps both."""
    number, seen = _number(version), await read_revision(request)
    who = _who(request, services)
    return _edited(await services.recordings.transcripts.undo(recording_id, number, seen=seen, who=who))


@router.post("/transcripts/{version}/redo", openapi_extra=UNDO_DOCS, summary="Take back the last undo")
async def redo_edit(recording_id: str, version: str, request: Request, services: Services) -> Response:
    """Possible until something else is edited."""
    number, seen = _number(version), await read_revision(request)
    who = _who(request, services)
    return _edited(await services.recordings.transcripts.redo(recording_id, number, seen=seen, who=who))


@router.get("/transcripts/{version}/history", openapi_extra=HISTORY_DOCS, summary="Who changed what, and when")
async def read_history(recording_id: str, version: str, request: Request, services: Services) -> dict[str, Any]:
    """The newest first; `next` is the revision to ask for as `before`."""
    query = _query(request)
    before = query.integer("before", 1, _NEVER) or _NEVER
    limit = query.integer("limit", 1, _MOST_ENTRIES) or _ENTRIES
    number = _number(version)
    entries = await services.recordings.transcripts.history(recording_id, number, before=before, limit=limit)
    more = len(entries) == limit and entries[-1].step.revision > 1
    return {"items": [_entry(entry) for entry in entries], "next": entries[-1].step.revision if more else None}


@router.get("/export", openapi_extra=EXPORT_DOCS, summary="The transcript as a file")
async def export_transcript(recording_id: str, request: Request, services: Services) -> Response:
    """As it was edited, named after the recording."""
    query = _query(request)
    wanted = query.choice("format", FORMATS, "txt")
    number = _number(query.text("version") or _CURRENT)
    file = await services.recordings.transcripts.export(recording_id, number, wanted)
    headers = {"Content-Disposition": attachment(file.filename), "X-Content-Type-Options": "nosniff"}
    return Response(file.body, media_type=file.media_type, headers=headers)


def attachment(filename: str) -> str:
    """Content-Disposition for a file to be saved (RFC 6266): the name as RFC 8187 has it, and in ASCII for old
    clients."""
    plain = "".join(char if char.isascii() and char not in '"\\%' else "_" for char in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"


def _number(version: str) -> int | None:
    """None is the current one. Raises UnknownTranscript."""
    if version == _CURRENT:
        return None
    if not (version.isascii() and version.isdigit() and len(version) <= 9):
        raise UnknownTranscript(which=f"version '{version[:40]}'")
    return int(version)


def _query(request: Request) -> Fields:
    return Fields({name: request.query_params.getlist(name) for name in request.query_params})


def _who(request: Request, services: ApiServices) -> str:
    return caller_of(request, services.settings.trusted_proxies).client


def _tag(head: TranscriptHead) -> str:
    """Changes with whatever is answered about a version."""
    return f'"{head.number}.{head.revision}{".current" if head.current else ""}"'


def _head(head: TranscriptHead) -> dict[str, Any]:
    about = stored_head(head)
    return {**about, "job_id": head.job_id, "current": head.current, "created_at": moment(head.created_at)}


def _page(page: Page, skip: int, *, words: bool) -> dict[str, Any]:
    end = skip + len(page.segments)
    return {
        **_head(page.head),
        "undo": page.undo,
        "redo": page.redo,
        "count": page.count,
        "segments": [stored_segment(segment, words=words) for segment in page.segments],
        "next": end if end < page.count and page.segments else None,
    }


def _edited(edited: Edited) -> JSONResponse:
    body = {
        **_head(edited.head),
        "changed": [stored_segment(segment) for segment in edited.changed],
        "removed": list(edited.removed),
    }
    return JSONResponse(body, headers={"ETag": _tag(edited.head)})


def _entry(entry: Entry) -> dict[str, Any]:
    """`before` and `after` hold the fields that differ, of a segment that was new or gone all; null: no segment."""
    changes = [
        {"segment": segment_id, "before": before, "after": entry.change.after[segment_id]}
        for segment_id, before in entry.change.before.items()
    ]
    return {
        "revision": entry.step.revision,
        "at": moment(entry.at),
        "who": entry.who,
        "kind": entry.step.kind,
        "undoes": entry.step.undoes,
        "changes": changes,
    }
