"""Webhooks: who is told of what, with which secret, and what became of each message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from fastapi import APIRouter, Request

from care_voice.api.bodies import json_body
from care_voice.api.openapi_webhooks import (
    CREATE_DOCS,
    DELIVERIES_DOCS,
    DELIVERY_DOCS,
    PATCH_DOCS,
    REMOVE_DOCS,
    RESEND_DOCS,
    SECRET_DOCS,
    WEBHOOK_DOCS,
)
from care_voice.api.parameters import Fields
from care_voice.api.services import Services
from care_voice.api.shapes import moment
from care_voice.domain.errors import InvalidParameter
from care_voice.domain.webhooks import Attempt, Delivery, DeliveryState, Webhook
from care_voice.service.webhooks import WebhookWish

router = APIRouter(prefix="/api/v1/webhooks", tags=["Webhooks"])

_CREATED, _ACCEPTED, _NO_CONTENT = 201, 202, 204
_MOST_IN_A_PAGE, _USUAL_PAGE = 200, 50
_STATES = get_args(DeliveryState)


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    url: str | None = None
    events: tuple[str, ...] | None = None
    description: str | None = None
    include_text: bool | None = None
    enabled: bool | None = None

    def wish(self) -> WebhookWish:
        return WebhookWish(**msgspec.structs.asdict(self))


@router.get("", responses=WEBHOOK_DOCS, summary="Endpoints that are told of events")
async def list_webhooks(services: Services) -> dict[str, Any]:
    """The oldest first. Secrets are shown when they are made, and never again."""
    found = await services.recordings.webhooks.every()
    return {"items": [_webhook(each) for each in found], "next": None}


@router.post("", status_code=_CREATED, summary="Add an endpoint", **CREATE_DOCS)
async def create_webhook(request: Request, services: Services) -> dict[str, Any]:
    """Its secret is in this answer alone: keep it."""
    wish = (await json_body(request, _Change)).wish()
    return _with_secret(await services.recordings.webhooks.create(wish))


@router.get("/{webhook_id}", responses=WEBHOOK_DOCS, summary="One endpoint")
async def get_webhook(webhook_id: str, services: Services) -> dict[str, Any]:
    """As in the list."""
    return _webhook(await services.recordings.webhooks.get(webhook_id))


@router.patch("/{webhook_id}", summary="Change an endpoint", **PATCH_DOCS)
async def change_webhook(webhook_id: str, request: Request, services: Services) -> dict[str, Any]:
    """Fields that are left out stay as they are. `enabled: true` sends what has waited too."""
    wish = (await json_body(request, _Change)).wish()
    return _webhook(await services.recordings.webhooks.change(webhook_id, wish))


@router.delete("/{webhook_id}", status_code=_NO_CONTENT, responses=REMOVE_DOCS, summary="Remove an endpoint")
async def remove_webhook(webhook_id: str, services: Services) -> None:
    """With its log, and what it has not got yet."""
    await services.recordings.webhooks.remove(webhook_id)


@router.post("/{webhook_id}/rotate", responses=SECRET_DOCS, summary="Make a new secret")
async def rotate_secret(webhook_id: str, services: Services) -> dict[str, Any]:
    """Both secrets sign until `old_secret_until`, so that the endpoint can change over in its own time."""
    return _with_secret(await services.recordings.webhooks.rotate(webhook_id))


@router.post("/{webhook_id}/ping", responses=DELIVERY_DOCS, summary="Send a test")
async def ping_webhook(webhook_id: str, services: Services) -> dict[str, Any]:
    """Sent once, now; the answer says what came of it."""
    return _full(*await services.recordings.webhooks.ping(webhook_id))


@router.get("/{webhook_id}/deliveries", summary="What was sent", **DELIVERIES_DOCS)
async def list_deliveries(webhook_id: str, request: Request, services: Services) -> dict[str, Any]:
    """The newest first; `next` is the cursor of the page that follows."""
    query = Fields({name: request.query_params.getlist(name) for name in request.query_params})
    limit = query.integer("limit", 1, _MOST_IN_A_PAGE) or _USUAL_PAGE
    found = await services.recordings.webhooks.deliveries(
        webhook_id, state=_state(query.text("state")), before=query.text("cursor"), limit=limit
    )
    return {"items": [_delivery(each) for each in found], "next": found[-1].id if len(found) == limit else None}


@router.get("/{webhook_id}/deliveries/{delivery_id}", responses=DELIVERY_DOCS, summary="One delivery")
async def get_delivery(webhook_id: str, delivery_id: str, services: Services) -> dict[str, Any]:
    """With its message and every try."""
    return _full(*await services.recordings.webhooks.delivery(webhook_id, delivery_id))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    status_code=_ACCEPTED,
    responses=DELIVERY_DOCS,
    summary="Send one again",
)
async def resend_delivery(webhook_id: str, delivery_id: str, services: Services) -> dict[str, Any]:
    """Under the same `webhook-id`, whether it was delivered or not."""
    return _full(*await services.recordings.webhooks.resend(webhook_id, delivery_id))


@router.post("/{webhook_id}/resend", status_code=_ACCEPTED, responses=RESEND_DOCS, summary="Send all failed ones again")
async def resend_failed(webhook_id: str, services: Services) -> dict[str, Any]:
    """Every delivery in the log that was given up."""
    return {"queued": await services.recordings.webhooks.resend_failed(webhook_id)}


def _state(value: str | None) -> DeliveryState | None:
    if value is not None and value not in _STATES:
        raise InvalidParameter(param="state", why=f"'{value[:40]}' is not one of {', '.join(_STATES)}")
    return value  # type: ignore[return-value] # one of the states, as just seen


def _webhook(webhook: Webhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "events": list(webhook.events),
        "description": webhook.description,
        "include_text": webhook.include_text,
        "enabled": webhook.disabled_at is None,
        "disabled_at": moment(webhook.disabled_at),
        "disabled_why": webhook.disabled_why,
        "failing_since": moment(webhook.failing_since),
        "paused_until": moment(webhook.paused_until),
        "old_secret_until": moment(webhook.old_secret_until),
        "created_at": moment(webhook.created_at),
    }


def _with_secret(webhook: Webhook) -> dict[str, Any]:
    return {**_webhook(webhook), "secret": webhook.secret}


def _delivery(delivery: Delivery) -> dict[str, Any]:
    waits = delivery.state == "queued"
    return {
        "id": delivery.id,
        "event": delivery.event,
        "state": delivery.state,
        "attempts": delivery.attempt,
        "next_attempt_at": moment(delivery.not_before) if waits else None,
        "created_at": moment(delivery.created_at),
        "ended_at": moment(delivery.ended_at),
    }


def _full(delivery: Delivery, attempts: Sequence[Attempt]) -> dict[str, Any]:
    return {
        **_delivery(delivery),
        "message": json.loads(delivery.payload),
        "log": [
            {
                "attempt": each.attempt,
                "at": moment(each.at),
                "status": each.status,
                "error": each.error,
                "took_s": round(each.took_s, 3),
            }
            for each in attempts
        ],
    }
