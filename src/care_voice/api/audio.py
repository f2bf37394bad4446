"""Listening: the original sound of a recording, the copy that browsers play, and the waveform, with ranges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import chain
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from care_voice.api.ranges import ByteRange, is_unchanged, range_asked
from care_voice.api.services import Services
from care_voice.domain.store_errors import AudioMissing
from care_voice.service.playback import Playback, Sound

router = APIRouter(prefix="/api/v1/recordings/{recording_id}", tags=["Recordings"])

Find = Callable[[], Awaitable[Sound]]
_BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"description": "The whole.", **_BYTES},
    206: {"description": "The range that was asked for.", **_BYTES},
    304: {"description": "It is what `If-None-Match` names."},
    404: {"description": "There is none (`recording_not_found`), or it has not been made yet (`asset_not_found`)."},
    409: {"description": "More of the recording is to come (`recording_incomplete`)."},
    416: {"description": "The range lies behind the end (`range_not_satisfiable`)."},
}


@router.get("/audio", summary="The sound as it was received", response_class=Response, responses=_ANSWERS)
async def original(recording_id: str, request: Request, services: Services) -> Response:
    """Byte for byte what was sent. One range is given as `Range` asks for it; `ETag` is the SHA-256 of the whole once
    that is known, and `If-Range` is heeded."""
    playback = services.recordings.playback
    return await _answer(request, playback, partial(playback.original, recording_id))


@router.get("/playback", summary="A copy that browsers play", response_class=Response, responses=_ANSWERS)
async def copy(recording_id: str, request: Request, services: Services) -> Response:
    """A mono copy as FLAC, or as Opus in WebM where the operator has chosen so, with ranges as above. It is made once
    the recording is complete; until then the answer is `asset_not_found`."""
    playback = services.recordings.playback
    return await _answer(request, playback, partial(playback.asset, recording_id, "playback"))


@router.get("/waveform", summary="The peaks of the sound", response_class=Response, responses=_ANSWERS)
async def waveform(recording_id: str, request: Request, services: Services) -> Response:
    """The least and the greatest sample of each 1/50 s, in the format of BBC audiowaveform (version 1, 8 bit)."""
    playback = services.recordings.playback
    return await _answer(request, playback, partial(playback.asset, recording_id, "waveform"))


for _path, _route in (("/audio", original), ("/playback", copy), ("/waveform", waveform)):
    router.add_api_route(_path, _route, methods=["HEAD"], include_in_schema=False)


async def _answer(request: Request, playback: Playback, find: Find) -> Response:
    """Raises what `Playback` raises; once the first bytes are on their way, what goes wrong ends the connection."""
    try:
        return await _found(request, playback, await find())
    except AudioMissing:
        # Its parts may just have been joined, and lie elsewhere now.
        return await _found(request, playback, await find())


async def _found(request: Request, playback: Playback, sound: Sound) -> Response:
    etag = f'"{sound.tag}"'
    if is_unchanged(request.headers, etag):
        return Response(status_code=304, headers={"ETag": etag})
    if request.method == "HEAD":
        whole = ByteRange(0, sound.size, sound.size, partial=False)
        return Response(headers=_headers(sound, whole, etag))
    wanted = range_asked(request.headers, sound.size, etag)
    chunks = playback.read(sound, wanted.start, wanted.end)
    first = await run_in_threadpool(next, chunks, b"")
    status = 206 if wanted.partial else 200
    return StreamingResponse(chain([first], chunks), status, _headers(sound, wanted, etag))


def _headers(sound: Sound, wanted: ByteRange, etag: str) -> dict[str, str]:
    """Never shown as a page, and kept by no cache: it is what a patient said."""
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-store",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(sound.name, safe='')}",
        "Content-Length": str(wanted.length),
        "Content-Type": sound.media_type,
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
    }
    return {**headers, "Content-Range": wanted.content_range} if wanted.partial else headers
