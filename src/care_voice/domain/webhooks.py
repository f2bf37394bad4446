"""Webhooks as values: who wants to hear of what, and what is sent. Times are Unix seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

DeliveryState = Literal["queued", "sending", "delivered", "failed"]

KINDS = (
    "recording.created",
    "recording.completed",
    "recording.changed",
    "recording.trashed",
    "recording.restored",
    "recording.deleted",
    "job.queued",
    "job.started",
    "job.retrying",
    "job.done",
    "job.failed",
    "job.cancelled",
    "transcript.created",
    "transcript.edited",
    "asset.created",
)
"""What an endpoint can ask for. Progress is not among them: it is followed over SSE."""

PING = "webhook.ping"
"""What a test sends, whatever the endpoint asked for."""

EVERYTHING = "*"

_TOLD = frozenset(
    {"job_id", "transcript_id", "revision", "number", "version", "kind", "code", "model", "language", "receipt_id"}
)
"""What of an event's body is sent. Everything else stays here: titles, notes, messages and reasons name people."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint. `events` are kinds, `job.*` for a group, or `*`.

    `old_secret` signs beside `secret` until `old_secret_until`. `failing_since` is the first failure since the last
    success; nothing is sent before `paused_until`, since the endpoint asked for it or did not answer.
    """

    id: str
    url: str
    events: tuple[str, ...]
    description: str
    include_text: bool
    created_at: float
    secret: str = field(repr=False)
    old_secret: str | None = field(default=None, repr=False)
    old_secret_until: float | None = None
    failing_since: float | None = None
    paused_until: float | None = None
    disabled_at: float | None = None
    disabled_why: str = ""

    def secrets(self, now: float) -> tuple[str, ...]:
        """What signs now, the newest first."""
        old_counts = self.old_secret is not None and now < (self.old_secret_until or 0.0)
        return (self.secret, self.old_secret) if old_counts and self.old_secret is not None else (self.secret,)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint; its id is the `webhook-id`, the same in every try.

    `attempt` counts tries; `failures` those that failed since it was queued, or queued again by somebody.
    """

    id: str
    webhook_id: str
    event: str
    payload: str
    state: DeliveryState
    attempt: int
    failures: int
    not_before: float
    created_at: float
    ended_at: float | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, as the log shows it. `status` is None where no answer came, and `error` says why."""

    attempt: int
    at: float
    status: int | None
    error: str
    took_s: float


def wants(events: tuple[str, ...], kind: str) -> bool:
    """Whether an endpoint that asked for `events` hears of `kind`."""
    return any(each in (kind, EVERYTHING, f"{kind.partition('.')[0]}.*") for each in events)


def unknown_events(events: tuple[str, ...]) -> tuple[str, ...]:
    """Those that no event will ever match."""
    return tuple(each for each in events if not any(wants((each,), kind) for kind in KINDS))


def told(body: Mapping[str, Any]) -> dict[str, Any]:
    """What an endpoint is told of an event's body."""
    return {name: value for name, value in body.items() if name in _TOLD}


def payload(kind: str, at: float, data: Mapping[str, Any]) -> str:
    """The message, as the Standard Webhooks specification shapes it, in compact JSON."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _json({"type": kind, "timestamp": moment, "data": data})


def with_transcript(message: str, transcript: Mapping[str, Any] | None) -> str:
    """The message with what was said, for an endpoint that asked for it."""
    whole = json.loads(message)
    whole["data"]["transcript"] = transcript
    return _json(whole)


def transcript_named(message: str) -> tuple[str, str] | None:
    """The identifiers of the recording and the transcript that a message is about."""
    data = json.loads(message)["data"]
    return (data["recording_id"], data["transcript_id"]) if data.get("transcript_id") else None


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
