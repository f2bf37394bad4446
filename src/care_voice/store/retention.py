"""Rules of retention, what may be due by them, and legal holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from care_voice.domain.ids import new_id
from care_voice.domain.recordings import Recording
from care_voice.domain.retention import DAY_S, Kept, RetentionRule, Scope
from care_voice.domain.store_errors import UnknownRule
from care_voice.store import events, recordings
from care_voice.store.database import Connection, Row

_FOR_EVER = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """How far a list of candidates has been read: the last one's time and id."""

    since: float = -1.0
    id: str = ""


def rules(connection: Connection) -> list[RetentionRule]:
    """Every rule, by scope and value."""
    return [_rule(row) for row in connection.all("retention_rules")]


def put_rule(connection: Connection, scope: Scope, value: str, days: float | None) -> RetentionRule:
    """A rule, in place of the one for the same scope and value where there is one."""
    row = connection.one(
        "put_retention_rule", id=new_id("rule", connection.now), scope=str(scope), value=value,
        days=_FOR_EVER if days is None else days, now=connection.now,
    )  # fmt: skip
    assert row is not None
    return _rule(row)


def delete_rule(connection: Connection, rule_id: str) -> None:
    """Raises UnknownRule."""
    if not connection.run("delete_retention_rule", id=rule_id):
        raise UnknownRule(rule_id=rule_id[:80])


def kept(recording: Recording) -> Kept:
    """What the rules look at."""
    return Kept(
        recording.client, frozenset(recording.tags), recording.completed_at, recording.trashed_at, recording.legal_hold
    )


def past_rule(connection: Connection, rule: RetentionRule, after: Place, limit: int) -> list[Place]:
    """Recordings that a rule with an end is about and that are older than it allows; another rule may keep them."""
    assert rule.days is not None
    rows = connection.all(
        "retention_candidates", before=connection.now - rule.days * DAY_S, after=after.since, after_id=after.id,
        client=rule.value if rule.scope is Scope.CLIENT else None, tag=rule.value if rule.scope is Scope.TAG else None,
        limit=limit,
    )  # fmt: skip
    return list(_places(rows))


def past_trash(connection: Connection, trash_days: float, after: Place, limit: int) -> list[Place]:
    """Recordings that have been in the trash for their time."""
    before = connection.now - trash_days * DAY_S
    rows = connection.all("trash_candidates", before=before, after=after.since, after_id=after.id, limit=limit)
    return list(_places(rows))


def set_hold(connection: Connection, recording_id: str, reason: str | None, *, replace: bool = False) -> Recording:
    """Hold a recording for `reason`, or release it with None; also one in the trash. The first reason stays, unless
    this one is to `replace` it. Raises UnknownRecording."""
    locked = recordings.lock(connection, recording_id, trashed=True)
    stays = locked.legal_hold and not replace if reason is not None else not locked.legal_hold
    if stays or (locked.legal_hold and locked.hold_reason == reason):
        return locked
    connection.run("set_hold", id=recording_id, legal_hold=int(reason is not None), reason=reason or "")
    recordings.touch(connection, recording_id)
    events.append(connection, recording_id, "recording.changed", {"legal_hold": reason is not None})
    return recordings.get(connection, recording_id, trashed=True)


def _places(rows: list[Row]) -> Iterator[Place]:
    return (Place(row["since"], row["id"]) for row in rows)


def _rule(row: Row) -> RetentionRule:
    days = None if row["days"] == _FOR_EVER else row["days"]
    return RetentionRule(row["id"], Scope(row["scope"]), row["value"], days, row["created_at"])
