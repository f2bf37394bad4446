"""What happened to a recording, in order: the log that pages and webhooks follow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from care_voice.domain.recordings import Event
from care_voice.domain.store_errors import UnknownRecording
from care_voice.store import webhooks
from care_voice.store.database import Connection
from care_voice.store.recordings import to_json


def topic_of(recording_id: str) -> str:
    """What is notified of a recording's events: hundreds who follow others need not look."""
    return f"events:{recording_id}"


def append(connection: Connection, recording_id: str, kind: str, body: Mapping[str, Any] | None = None) -> int:
    """Write an event; its number. The recording's row is locked until the commit, so that numbers appear in order.

    Raises:
        UnknownRecording: It was deleted.
    """
    row = connection.one("next_event", id=recording_id)
    if row is None:
        raise UnknownRecording(recording_id=recording_id[:80])
    seq = int(row["event_seq"])
    connection.run(
        "insert_event", recording_id=recording_id, seq=seq, now=connection.now, kind=kind, body_json=to_json(body or {})
    )
    webhooks.enqueue(connection, kind, recording_id, body or {})
    connection.notify(topic_of(recording_id))
    return seq


def after(connection: Connection, recording_id: str, seq: int, limit: int = 500) -> list[Event]:
    """Up to `limit` events after number `seq`."""
    rows = connection.all("events_after", id=recording_id, seq=seq, limit=limit)
    return [
        Event(row["recording_id"], row["seq"], row["at"], row["kind"], json.loads(row["body_json"])) for row in rows
    ]
