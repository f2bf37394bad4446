"""Resumable uploads: tus 1.0.0 over the one way in which recordings are appended to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from care_voice.api import tus_protocol as tus
from care_voice.api.callers import caller_of
from care_voice.api.new_recordings import from_metadata, idempotency_key
from care_voice.api.openapi_intake import PATCH_DOCS, TUS_DOCS, TUS_POST_DOCS
from care_voice.api.problems import error_response
from care_voice.api.recordings_intake import UPLOADS, upload_url, withdraw
from care_voice.api.services import ApiServices, Services
from care_voice.domain.checksums import ALGORITHMS
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.recordings import Recording
from care_voice.domain.store_errors import OffsetConflict, UnsupportedTusVersion
from care_voice.service.intake import NewRecording

_CREATED, _NO_CONTENT, _OK = 201, 204, 200


class TusRoute(APIRoute):
    """What all requests and answers of the protocol have in common, errors too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own handler with the protocol around it."""
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                if request.method != "OPTIONS":
                    tus.require_version(request.headers)
                response = await handle(request)
            except CareVoiceError as error:
                response = error_response(error, request.url.path)
                response.headers.update(_error_headers(error))
            response.headers["Tus-Resumable"] = tus.VERSION
            return response

        return answered


router = APIRouter(prefix=UPLOADS, tags=["Recordings"], route_class=TusRoute)


class MethodOverride:
    """Lets clients that can send no PATCH name it in X-HTTP-Method-Override, at the addresses of uploads alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(UPLOADS):
            try:
                scope["method"] = tus.effective_method(scope["method"], Headers(scope=scope))
            except CareVoiceError as error:
                await error_response(error, scope["path"])(scope, receive, send)
                return
        await self._app(scope, receive, send)


@router.options("", status_code=_NO_CONTENT, summary="What this service knows of tus")
async def describe_uploads(services: Services) -> Response:
    """Version, extensions, the largest recording and the algorithms of checksums."""
    return Response(
        status_code=_NO_CONTENT,
        headers={
            "Tus-Version": tus.VERSION,
            "Tus-Extension": ",".join(tus.EXTENSIONS),
            "Tus-Max-Size": str(services.recordings.intake.settings.max_recording_bytes),
            "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
        },
    )


@router.post("", status_code=_CREATED, openapi_extra=TUS_POST_DOCS, summary="Create an upload (tus)")
async def create_upload(request: Request, services: Services) -> Response:
    """Its address is in `Location`. Bytes may come along (creation-with-upload)."""
    key = idempotency_key(request)
    creation = tus.read_creation(request.headers)
    caller = caller_of(request, services.settings.trusted_proxies)
    new = replace(from_metadata(services, caller, creation.metadata, key), length=creation.length)
    recording = await _created(request, services, new)
    return Response(
        status_code=_CREATED,
        headers={"Location": upload_url(request, recording.id), "Upload-Offset": str(recording.received)}
        | _expiry(recording),
    )


@router.head("/{recording_id}", openapi_extra=TUS_DOCS, summary="How far an upload has come (tus)")
async def upload_status(recording_id: str, services: Services) -> Response:
    """`Upload-Offset` is what is acknowledged: go on from there."""
    recording = await services.recordings.intake.status(recording_id)
    headers = {"Upload-Offset": str(recording.received), "Cache-Control": "no-store", **_expiry(recording)}
    headers |= {"Upload-Defer-Length": "1"} if recording.length is None else {"Upload-Length": str(recording.length)}
    if described := tus.write_metadata(_metadata(recording)):
        headers["Upload-Metadata"] = described
    return Response(status_code=_OK, headers=headers)


@router.patch("/{recording_id}", status_code=_NO_CONTENT, openapi_extra=PATCH_DOCS, summary="Append bytes (tus)")
async def append_bytes(recording_id: str, request: Request, services: Services) -> Response:
    """Whoever sends takes the upload over; what is acknowledged is on disk."""
    tus.require_bytes(request.headers)
    recording = await services.recordings.intake.append(
        recording_id,
        tus.read_offset(request.headers),
        request.stream(),
        checksum=tus.read_checksum(request.headers),
        length=tus.read_length(request.headers),
    )
    return Response(status_code=_NO_CONTENT, headers={"Upload-Offset": str(recording.received), **_expiry(recording)})


@router.delete("/{recording_id}", status_code=_NO_CONTENT, openapi_extra=TUS_DOCS, summary="Give up an upload (tus)")
async def terminate_upload(recording_id: str, services: Services) -> Response:
    """Delete what has come of it. One that is complete is a recording, which the library deletes."""
    await services.recordings.intake.terminate(recording_id)
    return Response(status_code=_NO_CONTENT)


async def _created(request: Request, services: ApiServices, new: NewRecording) -> Recording:
    intake = services.recordings.intake
    checksum = tus.read_checksum(request.headers)
    recording = await intake.create(new)
    if not tus.is_bytes(request.headers) or recording.received or recording.complete:
        return recording
    try:
        return await intake.append(recording.id, 0, request.stream(), checksum=checksum)
    except BaseException:  # a cancellation too
        # The client knows no address at which it could go on, except by sending the same key again.
        if new.idempotency_key is None:
            await withdraw(intake, recording.id)
        raise


def _expiry(recording: Recording) -> dict[str, str]:
    return {} if recording.expires_at is None else {"Upload-Expires": tus.http_date(recording.expires_at)}


def _metadata(recording: Recording) -> dict[str, str]:
    """What was given at the creation, under the names that this service prefers."""
    wish = recording.wish
    named = {
        "filename": recording.filename,
        "filetype": recording.media_type,
        "title": recording.title,
        "tags": ",".join(recording.tags),
        "transcribe": "" if wish.transcribe else "false",
        "model": wish.model,
        **wish.options,
        "task": wish.options.get("task", "").removeprefix("transcribe"),
    }
    return {key: value for key, value in {**recording.metadata, **named}.items() if value}


def _error_headers(error: CareVoiceError) -> dict[str, str]:
    if isinstance(error, OffsetConflict):
        return {"Upload-Offset": str(error.fields["received"])}
    return {"Tus-Version": tus.VERSION} if isinstance(error, UnsupportedTusVersion) else {}
