"""Recordings that come as one form, and live ones that are begun empty and appended to with tus."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from care_voice.api.callers import caller_of
from care_voice.api.new_recordings import KNOWN, from_fields, from_json, idempotency_key
from care_voice.api.openapi_intake import COMPLETE_DOCS, CREATE_DOCS
from care_voice.api.services import ApiServices, Services
from care_voice.api.shapes import recording_shape
from care_voice.api.streamed_forms import FileHead, StreamedForm
from care_voice.domain.errors import BodyTooLarge, CareVoiceError, EmptyFile
from care_voice.domain.recordings import Recording
from care_voice.service.intake import Intake, NewRecording

router = APIRouter(prefix="/api/v1/recordings", tags=["Recordings"])

UPLOADS = "/api/v1/uploads"
_CREATED, _OK = 201, 200
_MAX_JSON_BYTES = 64 * 1024


@router.post("", status_code=_CREATED, openapi_extra=CREATE_DOCS, summary="Send a recording, or begin a live one")
async def create_recording(request: Request, services: Services) -> JSONResponse:
    """A form holds the whole recording. JSON begins an empty one, to which sound is appended at its `upload_url`."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() == "application/json":
        return await _begin_live(request, services)
    recording, made = await receive_form(request, services)
    return _answer(request, recording, _CREATED if made else _OK)


@router.post("/{recording_id}/complete", openapi_extra=COMPLETE_DOCS, summary="End a live recording")
async def complete_recording(recording_id: str, request: Request, services: Services) -> JSONResponse:
    """There is no more to come; what was wished for is queued. One that is complete already stays as it is."""
    recording = await services.recordings.intake.complete(recording_id)
    return JSONResponse(upload_shape(recording, request))


def upload_shape(recording: Recording, request: Request) -> dict[str, Any]:
    """A recording, and where it is appended to while it is being received."""
    return {
        **recording_shape(recording),
        "upload_url": None if recording.complete else upload_url(request, recording.id),
    }


def upload_url(request: Request, recording_id: str) -> str:
    """Where a recording is appended to, as a path."""
    return f"{request.scope.get('root_path', '')}{UPLOADS}/{recording_id}"


async def withdraw(intake: Intake, recording_id: str) -> None:
    """Delete what came of a request that cannot be finished and whose client was not told of its recording."""
    with suppress(CareVoiceError):
        await asyncio.shield(asyncio.ensure_future(intake.terminate(recording_id)))


async def _begin_live(request: Request, services: ApiServices) -> JSONResponse:
    caller = caller_of(request, services.settings.trusted_proxies)
    raw = from_json(await small_body(request))
    new = from_fields(services, caller, raw, "live", key=idempotency_key(request))
    recording = await services.recordings.intake.create(new)
    return _answer(request, recording, _CREATED)


async def small_body(request: Request) -> bytes:
    """A body of JSON. Raises BodyTooLarge."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_JSON_BYTES:
            raise BodyTooLarge(limit_bytes=_MAX_JSON_BYTES)
    return bytes(body)


async def receive_form(request: Request, services: ApiServices) -> tuple[Recording, bool]:
    """A recording that came as one form, and whether it is new: its key may have been used before. What fails or is cut
    off in the middle leaves nothing behind: its client has the file, and got no answer.

    Raises:
        InvalidParameter, MissingParameter, UnsupportedParameter, UnknownModel, EmptyFile: What is wrong with the form.
        CareVoiceError: What `Intake` raises.
    """
    intake, key = services.recordings.intake, idempotency_key(request)
    caller = caller_of(request, services.settings.trusted_proxies)
    form = StreamedForm(request.headers.get("content-type", ""), request.stream(), KNOWN)
    head = await form.to_file()

    def described() -> NewRecording:
        return from_fields(services, caller, {**form.fields, **_about(head)}, "form", key=key)

    begun = await intake.create(replace(described(), idempotency_key=None), _declared(request))
    try:
        digest = await _append(intake, begun, form, hashed=key is not None)
        await form.rest()
        recording = await intake.settle(begun.id, described(), digest)
    except BaseException:  # a cancellation too
        await withdraw(intake, begun.id)
        raise
    return recording, recording.id == begun.id


async def _append(intake: Intake, begun: Recording, form: StreamedForm, *, hashed: bool) -> str:
    """The form's file; its SHA-256 where it is asked for. Raises EmptyFile, and what `Intake.append` raises."""
    sha256 = hashlib.sha256()

    async def chunks() -> AsyncIterator[bytes]:
        async for chunk in form.chunks():
            if hashed:
                sha256.update(chunk)
            yield chunk

    appended = await intake.append(begun.id, 0, chunks())
    if not appended.received:
        raise EmptyFile
    return sha256.hexdigest() if hashed else ""


def _about(head: FileHead) -> dict[str, list[str]]:
    return {"filename": [head.filename[-255:]], "media_type": [head.media_type[:255]]}


def _declared(request: Request) -> int | None:
    declared = request.headers.get("content-length", "")
    return int(declared) if declared.isdigit() else None


def _answer(request: Request, recording: Recording, status: int) -> JSONResponse:
    headers = {"Location": f"{request.scope.get('root_path', '')}{router.prefix}/{recording.id}"}
    return JSONResponse(upload_shape(recording, request), status, headers)
