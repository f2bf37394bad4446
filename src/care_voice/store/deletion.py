"""Deletion for good: every row of a recording in one transaction, and the receipt that stays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from care_voice.domain.ids import new_id
from care_voice.domain.receipts import Deleted, Receipt
from care_voice.domain.recordings import Asset, Recording
from care_voice.domain.store_errors import LegalHold, UnknownReceipt
from care_voice.store import doomed, recordings, webhooks
from care_voice.store.database import Connection, Row
from care_voice.store.recordings import to_json

_NOT_ROWS = "derived_bytes"


def delete_for_good(connection: Connection, recording_id: str, *, who: str, reason: str) -> Receipt:
    """Remove a recording with everything that belongs to it; its objects are doomed.

    Raises:
        UnknownRecording: There is none.
        LegalHold: It is held.
    """
    recording = recordings.lock(connection, recording_id, trashed=True)
    if recording.legal_hold:
        raise LegalHold(why=recording.hold_reason or "no reason was given")
    assets = recordings.assets(connection, recording_id)
    parts = recordings.parts(connection, recording_id)
    deleted = _what(connection, recording, assets)
    doomed.doom(connection, {part.key for part in parts} | {asset.key for asset in assets.values()})
    _forget(connection, recording_id)
    receipt = Receipt(new_id("rcp", connection.now), recording_id, connection.now, who, reason, deleted)
    connection.run(
        "insert_receipt", id=receipt.id, recording_id=recording_id, now=receipt.at, who=who, reason=reason,
        body_json=to_json(asdict(deleted)),
    )  # fmt: skip
    webhooks.enqueue(connection, "recording.deleted", recording_id, {"receipt_id": receipt.id, "reason": reason})
    return receipt


def receipt(connection: Connection, receipt_id: str) -> Receipt:
    """Raises UnknownReceipt."""
    row = connection.one("receipt", id=receipt_id)
    if row is None:
        raise UnknownReceipt(receipt_id=receipt_id[:80])
    return _receipt(row)


def receipts(
    connection: Connection, *, recording_id: str | None = None, before: str | None = None, limit: int = 100
) -> list[Receipt]:
    """The newest first; `before` is the id of the last one that was read."""
    return [_receipt(row) for row in connection.all("receipts", recording_id=recording_id, before=before, limit=limit)]


def open_receipts(connection: Connection, after: str = "", limit: int = 100) -> list[tuple[str, str]]:
    """Receipts, with their recordings, whose audio has not been seen to be gone; `after` is the last one's id."""
    return [(row["id"], row["recording_id"]) for row in connection.all("open_receipts", after=after, limit=limit)]


def complete(connection: Connection, receipt_id: str) -> bool:
    """The audio is gone; whether that was news."""
    return bool(connection.run("complete_receipt", id=receipt_id, now=connection.now))


def doomed_of(connection: Connection, recording_id: str) -> list[str]:
    """Objects of a recording that are to be deleted."""
    pattern = f"{audio_prefix(recording_id)}%"
    return [row["key"] for row in connection.all("doomed_of_recording", pattern=pattern)]


def any_since(connection: Connection, moment: float) -> bool:
    """Whether something was deleted since then."""
    return connection.one("any_receipt_since", since=moment) is not None


def count(connection: Connection) -> int:
    """How many recordings were ever deleted for good."""
    row = connection.one("count_receipts")
    return int(row["count"]) if row else 0


def audio_prefix(recording_id: str) -> str:
    """Where every object of a recording lies."""
    return f"recordings/{recording_id}/"


def _forget(connection: Connection, recording_id: str) -> None:
    """Rows that hang on the recording go with it by their foreign keys; these do not all."""
    connection.run("forget_searched", id=recording_id)
    connection.run("forget_requests", id=recording_id)
    connection.run("forget_told", pattern=f"%{recording_id}%")
    connection.run("delete_recording", id=recording_id)


def _what(connection: Connection, recording: Recording, assets: Mapping[str, Asset]) -> Deleted:
    counts = connection.one("counts_of_recording", id=recording.id)
    assert counts is not None
    return Deleted(
        created_at=recording.created_at,
        completed_at=recording.completed_at,
        audio_bytes=recording.received,
        derived_bytes=int(counts[_NOT_ROWS]),
        sha256=recording.sha256,
        derived={kind: asset.sha256 for kind, asset in assets.items()},
        rows={name: int(count) for name, count in counts.items() if name != _NOT_ROWS},
    )


def _receipt(row: Row) -> Receipt:
    deleted = Deleted(**json.loads(row["body_json"]))
    return Receipt(row["id"], row["recording_id"], row["at"], row["who"], row["reason"], deleted, row["audio_gone_at"])
