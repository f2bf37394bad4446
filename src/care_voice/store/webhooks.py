"""Endpoints, and the outbox of what they are to be told: written in the transaction of the event, sent afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from care_voice.domain import webhooks as domain
from care_voice.domain.ids import is_id, new_id
from care_voice.domain.store_errors import UnknownWebhook
from care_voice.domain.webhook_retries import Outcome, Step, is_given_up
from care_voice.domain.webhooks import Attempt, Delivery, DeliveryState, Webhook
from care_voice.store.database import Connection, Row

TOPIC = "deliveries"
_INTERRUPTED = "the process that was sending it went away"


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that `owner` is to send, once."""

    delivery: Delivery
    webhook: Webhook
    owner: str


class Settled(Enum):
    """What became of an outcome."""

    WRITTEN = "written"
    DISABLED = "disabled"
    """Written, and the endpoint gets nothing more."""
    TOO_LATE = "too_late"
    """Not written: the lease had ended, and another has the delivery."""


def every(connection: Connection) -> list[Webhook]:
    """All endpoints, the oldest first."""
    return [_webhook(row) for row in connection.all("webhooks")]


def get(connection: Connection, webhook_id: str) -> Webhook:
    """An endpoint. Raises UnknownWebhook."""
    row = connection.one("webhook", id=webhook_id) if is_id("whk", webhook_id) else None
    if row is None:
        raise UnknownWebhook(webhook_id=webhook_id[:80])
    return _webhook(row)


def insert(
    connection: Connection, *, url: str, events: Sequence[str], description: str, include_text: bool, secret: str
) -> Webhook:
    """A new endpoint."""
    webhook_id = new_id("whk", connection.now)
    connection.run(
        "insert_webhook", id=webhook_id, url=url, secret=secret, events_json=json.dumps(events),
        description=description, include_text=int(include_text), now=connection.now,
    )  # fmt: skip
    return get(connection, webhook_id)


def change(connection: Connection, webhook: Webhook) -> Webhook:
    """Write address, events, description and `include_text` of an endpoint. Raises UnknownWebhook."""
    connection.run(
        "change_webhook", id=webhook.id, url=webhook.url, events_json=json.dumps(webhook.events),
        description=webhook.description, include_text=int(webhook.include_text),
    )  # fmt: skip
    return get(connection, webhook.id)


def rotate(connection: Connection, webhook_id: str, secret: str, overlap_s: float) -> Webhook:
    """A new secret, beside which the one before signs for `overlap_s`. Raises UnknownWebhook."""
    get(connection, webhook_id)
    connection.run("rotate_webhook", id=webhook_id, secret=secret, until=connection.now + overlap_s)
    return get(connection, webhook_id)


def enable(connection: Connection, webhook_id: str) -> Webhook:
    """Send to it again, beginning with what has waited. Raises UnknownWebhook."""
    get(connection, webhook_id)
    connection.run("enable_webhook", id=webhook_id)
    connection.notify(TOPIC)
    return get(connection, webhook_id)


def disable(connection: Connection, webhook_id: str, why: str) -> Webhook:
    """Send nothing to it; its events wait until they are too old. Raises UnknownWebhook."""
    get(connection, webhook_id)
    connection.run("disable_webhook", id=webhook_id, why=why, now=connection.now)
    return get(connection, webhook_id)


def remove(connection: Connection, webhook_id: str) -> None:
    """Forget an endpoint and its log. Raises UnknownWebhook."""
    get(connection, webhook_id)
    connection.run("delete_webhook", id=webhook_id)


def enqueue(connection: Connection, kind: str, recording_id: str, body: Mapping[str, Any]) -> None:
    """Put an event into the outbox of every endpoint that asked for its kind, in this transaction.

    It names the recording and says how it is, if it is still there.
    """
    if kind not in domain.KINDS:
        return
    wishes = connection.all("webhook_wishes")
    listeners = [each["id"] for each in wishes if domain.wants(tuple(json.loads(each["events_json"])), kind)]
    if not listeners:
        return
    message = domain.payload(kind, connection.now, _data(connection, recording_id, body))
    for webhook_id in listeners:
        post(connection, webhook_id, kind, message)


def post(connection: Connection, webhook_id: str, event: str, message: str) -> str:
    """Queue a message for one endpoint, to be sent at once; the identifier of the delivery."""
    delivery_id = new_id("dlv", connection.now)
    connection.run(
        "insert_delivery", id=delivery_id, webhook_id=webhook_id, event=event, payload=message, now=connection.now
    )
    connection.notify(TOPIC)
    return delivery_id


def claim(connection: Connection, owner: str, lease_s: float, most_per_endpoint: int) -> Claim | None:
    """Take the delivery that has waited longest; None where nothing can be sent now.

    One whose owner has gone is taken over when its lease has ended. No endpoint gets more than `most_per_endpoint` at a
    time, as far as nodes that claim in the same moment see each other.
    """
    row = connection.one("due_delivery", now=connection.now, most=most_per_endpoint)
    return None if row is None else _take(connection, row, owner, lease_s)


def claim_this(connection: Connection, webhook_id: str, delivery_id: str, owner: str, lease_s: float) -> Claim:
    """Take a delivery that this transaction has queued. Raises UnknownWebhook."""
    return _take(connection, _delivery_row(connection, webhook_id, delivery_id), owner, lease_s)


def settle(
    connection: Connection, claimed: Claim, outcome: Outcome, step: Step, *, disable_after_days: float
) -> Settled:
    """Write what came of a claim, and into the log, unless somebody else has taken the delivery meanwhile."""
    delivery, failures = claimed.delivery, claimed.delivery.failures + (not step.delivered)
    fenced = {"id": delivery.id, "owner": claimed.owner, "attempt": delivery.attempt, "failures": failures}
    if step.wait_s is None:
        state = "delivered" if step.delivered else "failed"
        changed = connection.run("end_delivery", **fenced, state=state, now=connection.now)
    else:
        changed = connection.run("queue_delivery", **fenced, not_before=connection.now + step.wait_s)
    if not changed:
        return Settled.TOO_LATE
    _log(connection, delivery.id, delivery.attempt, outcome)
    disabled = _judge(connection, claimed.webhook.id, step, disable_after_days)
    return Settled.DISABLED if disabled else Settled.WRITTEN


def release(connection: Connection, claimed: Claim) -> None:
    """Give a claim back, unsent or half sent: it is sent again at once, under the same identifier."""
    delivery = claimed.delivery
    connection.run(
        "queue_delivery", id=delivery.id, owner=claimed.owner, attempt=delivery.attempt, failures=delivery.failures,
        not_before=connection.now,
    )  # fmt: skip
    _log(connection, delivery.id, delivery.attempt, Outcome(None, 0.0, _INTERRUPTED))
    connection.notify(TOPIC)


def wait_s(connection: Connection) -> float | None:
    """Seconds until something can be sent; None where nothing waits."""
    row = connection.one("next_due")
    return None if row is None or row["due_at"] is None else max(0.0, row["due_at"] - connection.now)


def deliveries(
    connection: Connection, webhook_id: str, *, state: DeliveryState | None, before: str | None, limit: int
) -> list[Delivery]:
    """The log of an endpoint, the newest first, from behind the delivery `before`. Raises UnknownWebhook."""
    get(connection, webhook_id)
    rows = connection.all("deliveries_of", webhook_id=webhook_id, state=state, before=before, limit=limit)
    return [_delivery(row) for row in rows]


def delivery(connection: Connection, webhook_id: str, delivery_id: str) -> tuple[Delivery, list[Attempt]]:
    """A delivery and its tries. Raises UnknownWebhook."""
    row = _delivery_row(connection, webhook_id, delivery_id)
    return _delivery(row), [Attempt(**each) for each in connection.all("attempts_of", id=delivery_id)]


def resend(connection: Connection, webhook_id: str, delivery_id: str) -> None:
    """Send a delivery again under its own identifier, delivered or not; one that is being sent is left alone.

    Raises:
        UnknownWebhook: There is no such endpoint or delivery.
    """
    _delivery_row(connection, webhook_id, delivery_id)
    connection.run("resend_delivery", id=delivery_id, webhook_id=webhook_id, now=connection.now)
    connection.notify(TOPIC)


def resend_failed(connection: Connection, webhook_id: str) -> int:
    """Send again what was given up; how many there were. Raises UnknownWebhook."""
    get(connection, webhook_id)
    count = connection.run("resend_failed", webhook_id=webhook_id, now=connection.now)
    connection.notify(TOPIC)
    return count


def forget(connection: Connection, keep_s: float) -> int:
    """Delete deliveries that are older than `keep_s`, sent or not; how many."""
    return connection.run("forget_deliveries", before=connection.now - keep_s)


def _data(connection: Connection, recording_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    row = connection.one("told_of_recording", id=recording_id)
    of_recording: dict[str, Any] = {} if row is None else {**row, "trashed": row["trashed_at"] is not None}
    of_recording.pop("trashed_at", None)
    return {"recording_id": recording_id, **of_recording, **domain.told(body)}


def _take(connection: Connection, row: Row, owner: str, lease_s: float) -> Claim:
    if row["state"] == "sending":
        _log(connection, row["id"], row["attempt"], Outcome(None, 0.0, _INTERRUPTED))
    taken = connection.one("take_delivery", id=row["id"], owner=owner, until=connection.now + lease_s)
    assert taken is not None
    return Claim(_delivery(taken), get(connection, taken["webhook_id"]), owner)


def _judge(connection: Connection, webhook_id: str, step: Step, disable_after_days: float) -> bool:
    """What a try says of its endpoint; whether it is disabled for it."""
    if step.delivered:
        connection.run("webhook_works", id=webhook_id)
        return False
    paused_until = connection.now + step.pause_s if step.pause_s else None
    row = connection.one("webhook_fails", id=webhook_id, now=connection.now, paused_until=paused_until)
    if row is None:
        return False
    why = "it answered that it is gone (410)" if step.gone else ""
    if not why and is_given_up(step, row["failing_since"], connection.now, disable_after_days):
        why = f"nothing got through for {disable_after_days:g} days"
    return bool(why) and bool(connection.run("disable_webhook", id=webhook_id, why=why, now=connection.now))


def _log(connection: Connection, delivery_id: str, attempt: int, outcome: Outcome) -> None:
    connection.run(
        "insert_attempt", delivery_id=delivery_id, attempt=attempt, at=connection.now, status=outcome.status,
        error=outcome.error, took_s=outcome.took_s,
    )  # fmt: skip


def _delivery_row(connection: Connection, webhook_id: str, delivery_id: str) -> Row:
    get(connection, webhook_id)
    row = connection.one("delivery", id=delivery_id, webhook_id=webhook_id) if is_id("dlv", delivery_id) else None
    if row is None:
        raise UnknownWebhook(webhook_id=delivery_id[:80])
    return row


def _webhook(row: Row) -> Webhook:
    values = dict(row)
    events = tuple(json.loads(values.pop("events_json")))
    return Webhook(**{**values, "events": events, "include_text": bool(values["include_text"])})


def _delivery(row: Row) -> Delivery:
    return Delivery(**{name: row[name] for name in Delivery.__dataclass_fields__})
