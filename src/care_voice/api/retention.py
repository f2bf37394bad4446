"""How long recordings are kept, legal holds, and receipts of what was deleted for good."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from care_voice.api.bodies import json_body
from care_voice.api.callers import caller_of
from care_voice.api.openapi_retention import (
    DUE_DOCS,
    HOLD_DOCS,
    PUT_RULE_DOCS,
    RECEIPT_DOCS,
    RECEIPTS_DOCS,
    RELEASE_DOCS,
    RULE_DOCS,
)
from care_voice.api.parameters import Fields
from care_voice.api.services import ApiServices, Services
from care_voice.api.shapes import moment
from care_voice.domain.receipts import Receipt
from care_voice.domain.recordings import Recording
from care_voice.domain.retention import RetentionRule, Scope

router = APIRouter(prefix="/api/v1", tags=["Retention"])

_NO_CONTENT = 204
_ASKED = "somebody asked for it"
_MOST_IN_A_PAGE, _USUAL_PAGE = 1000, 100


class _Rule(msgspec.Struct, forbid_unknown_fields=True):
    scope: Scope
    days: float | None
    value: str = ""


class _Hold(msgspec.Struct, forbid_unknown_fields=True):
    reason: str
    replace: bool = False


@router.get("/retention", summary="The rules, and how long the trash keeps")
async def get_retention(services: Services) -> dict[str, Any]:
    """A tag's rule counts before the client's, and that before the default; of several tags the longest counts."""
    retention = services.recordings.retention
    rules = await retention.rules()
    return {"trash_days": retention.settings.trash_days, "items": [_rule(each) for each in rules], "next": None}


@router.get("/retention/due", summary="What the next look will do", **DUE_DOCS)
async def get_due(request: Request, services: Services) -> dict[str, Any]:
    """Recordings whose time is over: see here what a rule does, before it does it."""
    due = await services.recordings.retention.due(_limit(_query(request)))
    return {"items": [{"recording_id": each.recording_id, "fate": each.fate.value} for each in due], "next": None}


@router.put("/retention/rules", summary="Set a rule", **PUT_RULE_DOCS)
async def put_rule(request: Request, services: Services) -> dict[str, Any]:
    """In place of the rule for the same tag, client or default, where there is one."""
    wish = await json_body(request, _Rule)
    return _rule(await services.recordings.retention.put_rule(wish.scope, wish.value.strip(), wish.days))


@router.delete("/retention/rules/{rule_id}", status_code=_NO_CONTENT, responses=RULE_DOCS, summary="Remove a rule")
async def delete_rule(rule_id: str, services: Services) -> None:
    """What it was about falls to the rule that is next, or is kept for ever."""
    await services.recordings.retention.delete_rule(rule_id)


@router.put("/recordings/{recording_id}/hold", summary="Hold a recording", **HOLD_DOCS)
async def hold_recording(recording_id: str, request: Request, services: Services) -> dict[str, Any]:
    """Neither rules nor people can delete it until the hold is released; in the trash it stays there. One that is held
    keeps the reason it has, which is answered, unless `replace` is true."""
    wish = await json_body(request, _Hold)
    return _hold(await services.recordings.retention.hold(recording_id, wish.reason, replace=wish.replace))


@router.delete("/recordings/{recording_id}/hold", responses=RELEASE_DOCS, summary="Release a recording")
async def release_recording(recording_id: str, services: Services) -> dict[str, Any]:
    """What its rule says counts again. No error where it is not held."""
    return _hold(await services.recordings.retention.release(recording_id))


@router.get("/receipts", summary="What was deleted for good", **RECEIPTS_DOCS)
async def list_receipts(request: Request, services: Services) -> dict[str, Any]:
    """The newest first; `next` is the cursor of the page that follows."""
    query = _query(request)
    limit = _limit(query)
    found = await services.recordings.retention.receipts(
        recording_id=query.text("recording_id"), before=query.text("cursor"), limit=limit
    )
    return {"items": [receipt_shape(each) for each in found], "next": found[-1].id if len(found) == limit else None}


@router.get("/receipts/{receipt_id}", responses=RECEIPT_DOCS, summary="One receipt")
async def get_receipt(receipt_id: str, services: Services) -> dict[str, Any]:
    """As in the list. `audio_gone_at` is null until the storage was seen to hold none of the sound any more."""
    return receipt_shape(await services.recordings.retention.receipt(receipt_id))


async def delete_for_good(
    recording_id: str, request: Request, services: ApiServices, query: Fields, version: int | None
) -> JSONResponse:
    """DELETE of a recording with `permanently=true`: its receipt."""
    who = caller_of(request, services.settings.trusted_proxies).client
    receipt = await services.recordings.retention.delete(
        recording_id, who=who, reason=query.text("reason") or _ASKED, version=version
    )
    return JSONResponse(receipt_shape(receipt))


def receipt_shape(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON."""
    deleted = receipt.deleted
    return {
        "id": receipt.id,
        "recording_id": receipt.recording_id,
        "deleted_at": moment(receipt.at),
        "audio_gone_at": moment(receipt.audio_gone_at),
        "who": receipt.who,
        "reason": receipt.reason,
        "deleted": {
            **asdict(deleted),
            "created_at": moment(deleted.created_at),
            "completed_at": moment(deleted.completed_at),
        },
    }


def _rule(rule: RetentionRule) -> dict[str, Any]:
    return {**asdict(rule), "scope": rule.scope.value, "created_at": moment(rule.created_at)}


def _hold(recording: Recording) -> dict[str, Any]:
    return {
        "recording_id": recording.id,
        "legal_hold": recording.legal_hold,
        "reason": recording.hold_reason,
        "version": recording.version,
    }


def _query(request: Request) -> Fields:
    return Fields({name: request.query_params.getlist(name) for name in request.query_params})


def _limit(query: Fields) -> int:
    return query.integer("limit", 1, _MOST_IN_A_PAGE) or _USUAL_PAGE
