"""The library: list, search, describe, trash and restore recordings."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast, get_args

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from care_voice.api.bodies import json_body
from care_voice.api.openapi_library import (
    BULK_DOCS,
    CHANGE_DOCS,
    LIST_DOCS,
    RESTORE_DOCS,
    SHOW_DOCS,
    TAGS_DOCS,
    TRASH_DOCS,
)
from care_voice.api.parameters import Fields
from care_voice.api.problems import problem_body
from care_voice.api.retention import delete_for_good
from care_voice.api.services import ApiServices, Services
from care_voice.api.shapes import listed, recording_shape, transcription_shape
from care_voice.domain.errors import InvalidParameter, UnsupportedParameter
from care_voice.domain.jobs import Job
from care_voice.domain.library import ORDERS, TRANSCRIPTIONS, Change, Filters, Found, Match, Order, Outcome, Summary
from care_voice.domain.recordings import Recording, RecordingState, Source
from care_voice.service.library import MAX_PAGE, Action

router = APIRouter(prefix="/api/v1", tags=["Library"])

_USUAL_PAGE = 50
_KNOWN = frozenset({
    "q", "tag", "tag[]", "state", "client", "language", "source", "from", "to", "trashed", "has_transcript",
    "legal_hold", "transcription", "order", "cursor", "limit", "count", "summary",
})  # fmt: skip
_ETAG = re.compile(r'(?:W/)?"(\d{1,18})"')
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    title: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] | None = None


class _Bulk(msgspec.Struct, forbid_unknown_fields=True):
    action: Action
    ids: tuple[str, ...]
    tags: tuple[str, ...] = ()


@router.get("/recordings", summary="List and search recordings", **LIST_DOCS)
async def list_recordings(request: Request, services: Services) -> dict[str, Any]:
    """The newest first, unless another order is asked for. What is in the trash is listed with `trashed=true` alone."""
    query = _query(request)
    filters, order = _filters(query), _order(query)
    limit = query.integer("limit", 1, MAX_PAGE) or _USUAL_PAGE
    page = await services.recordings.library.find(filters, order, query.text("cursor"), limit)
    jobs = await services.recordings.jobs.transcriptions([each.recording.id for each in page.items])
    shape = listed([_found(each, jobs.get(each.recording.id)) for each in page.items], page.following)
    if query.flag("summary"):
        summaries = await services.recordings.library.summaries([each.recording.id for each in page.items])
        for item in shape["items"]:
            item["summary"] = _summary(summaries[item["id"]])
    if query.flag("count"):
        counted = await services.recordings.library.count(filters)
        shape["total"] = {"count": counted.count, "exact": counted.exact}
    return shape


@router.get("/recordings/{recording_id}", summary="One recording", **SHOW_DOCS)
async def show_recording(recording_id: str, services: Services) -> JSONResponse:
    """In the trash or not. Its `ETag` is its version, for `If-Match`."""
    return await _answer(services, await services.recordings.library.show(recording_id))


@router.patch("/recordings/{recording_id}", summary="Change title, notes and tags", **CHANGE_DOCS)
async def change_recording(recording_id: str, request: Request, services: Services) -> JSONResponse:
    """What is left out stays as it is; `tags` are all there will be. Without `If-Match` the last one wins."""
    wish = await json_body(request, _Change)
    change = Change(wish.title, wish.notes, wish.tags)
    return await _answer(services, await services.recordings.library.change(recording_id, change, _version(request)))


@router.delete("/recordings/{recording_id}", summary="Put a recording into the trash", **TRASH_DOCS)
async def trash_recording(recording_id: str, request: Request, services: Services) -> JSONResponse:
    """It can be restored until the trash is emptied. No error where it is there already.

    With `permanently=true` it is deleted for good, in the trash or not; the answer is the receipt.
    """
    query = Fields({name: request.query_params.getlist(name) for name in request.query_params})
    if query.flag("permanently"):
        return await delete_for_good(recording_id, request, services, query, _version(request))
    return await _answer(services, await services.recordings.library.trash(recording_id, _version(request)))


@router.post("/recordings/{recording_id}/restore", summary="Take a recording out of the trash", **RESTORE_DOCS)
async def restore_recording(recording_id: str, services: Services) -> JSONResponse:
    """No error where it is not there."""
    return await _answer(services, await services.recordings.library.restore(recording_id))


@router.post("/recordings/bulk", summary="Do the same to many recordings", **BULK_DOCS)
async def change_many(request: Request, services: Services) -> dict[str, Any]:
    """Each has a result of its own, in the order of the ids; what fails for one is done to the others."""
    wish = await json_body(request, _Bulk)
    outcomes = await services.recordings.library.bulk(wish.action, wish.ids, wish.tags)
    return {"items": [_outcome(each) for each in outcomes]}


@router.get("/tags", summary="Tags and how many recordings have them", **TAGS_DOCS)
async def list_tags(services: Services) -> dict[str, Any]:
    """The commonest first, at most 1,000; recordings in the trash do not count."""
    found = await services.recordings.library.tags()
    return listed([{"tag": tag, "count": count} for tag, count in found], None)


def _query(request: Request) -> Fields:
    """Raises UnsupportedParameter: a filter that is misspelled would else find too much."""
    raw = {name: request.query_params.getlist(name) for name in request.query_params}
    for name in raw:
        if name not in _KNOWN:
            raise UnsupportedParameter(param=name[:80], why="Care Voice does not know it")
    return Fields({name: [value.replace("\x00", "") for value in values] for name, values in raw.items()})


def _filters(query: Fields) -> Filters:
    return Filters(
        query=_words(query),
        tags=query.many("tag"),
        client=query.text("client"),
        source=_one_of(query, "source", get_args(Source)),
        state=_one_of(query, "state", get_args(RecordingState)),
        language=query.text("language"),
        transcription=_one_of(query, "transcription", TRANSCRIPTIONS),
        since=_time(query, "from"),
        until=_time(query, "to", end_of_day=True),
        trashed=query.flag("trashed"),
        has_transcript=query.flag("has_transcript") if query.present("has_transcript") else None,
        legal_hold=query.flag("legal_hold") if query.present("legal_hold") else None,
    )


def _words(query: Fields) -> str | None:
    text = query.text("q")
    return text if text and text.strip() else None


def _one_of(query: Fields, name: str, allowed: tuple[str, ...]) -> str | None:
    return query.choice(name, allowed, "") or None


def _order(query: Fields) -> Order:
    return cast("Order", query.choice("order", ORDERS, "newest"))


def _time(query: Fields, name: str, *, end_of_day: bool = False) -> float | None:
    """Unix seconds of an ISO 8601 date or time, in UTC where it names no zone. Raises InvalidParameter."""
    text = query.text(name)
    if text is None:
        return None
    try:
        if _DAY.fullmatch(text):
            day = date.fromisoformat(text) + timedelta(days=1 if end_of_day else 0)
            return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise InvalidParameter(param=name, why=f"'{text[:40]}' is not a date or a time of ISO 8601") from None


def _version(request: Request) -> int | None:
    """The version that `If-Match` names; None where any will do. Raises InvalidParameter."""
    given = request.headers.get("if-match", "*").strip()
    if given == "*":
        return None
    match = _ETAG.fullmatch(given)
    if match is None:
        raise InvalidParameter(param="If-Match", why='it must be one ETag of the recording, such as "3"')
    return int(match[1])


async def _answer(services: ApiServices, recording: Recording) -> JSONResponse:
    jobs = await services.recordings.jobs.transcriptions([recording.id])
    return JSONResponse(_shape(recording, jobs.get(recording.id)), headers={"ETag": f'"{recording.version}"'})


def _found(found: Found, job: Job | None) -> dict[str, Any]:
    return {**_shape(found.recording, job), "matches": [_match(each) for each in found.matches]}


def _shape(recording: Recording, job: Job | None) -> dict[str, Any]:
    return {**recording_shape(recording), "transcription": transcription_shape(job)}


def _summary(summary: Summary) -> dict[str, Any]:
    return {"language": summary.language, "beginning": summary.beginning}


def _match(match: Match) -> dict[str, Any]:
    return {
        "field": match.field,
        "text": match.excerpt.text,
        "ranges": [list(each) for each in match.excerpt.ranges],
        "segment_id": match.segment_id,
        "start_s": match.start_s,
        "end_s": match.end_s,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.id,
        "ok": outcome.error is None,
        "version": outcome.version,
        "error": outcome.error and problem_body(outcome.error),
    }
