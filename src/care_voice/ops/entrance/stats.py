"""What HAProxy counts of its servers, added up for each slot. No I/O here."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from care_voice.ops.entrance.rendering import DOOR, PAIR, SINGLE
from care_voice.ops.entrance.settings import SLOTS, SlotName

ServerState = Literal["up", "down", "drain", "maint"]


@dataclass(frozen=True, slots=True)
class ServerStats:
    """Of one slot since HAProxy's start or its last reload."""

    sessions: int
    """Requests and connections under way."""

    requests: int
    """All that it was given, those that were sent again elsewhere too."""

    failures: int
    """Connections that it refused, answers that did not come or broke off, and answers with 5xx, also where the client
    was answered by the other slot."""

    state: ServerState
    """`down` is what the health check says: not ready, or not there."""

    weight: int
    """Its share against the other's, 0 to 256."""


def read_stats(text: str) -> dict[SlotName, ServerStats]:
    """What `show stat` answers, by slot.

    Raises:
        ValueError: It is something else, or a slot is missing.
    """
    rows = [row for row in csv.DictReader(text.lstrip("# ").splitlines()) if row.get("pxname") in (PAIR, SINGLE, DOOR)]
    return {slot: _of([row for row in rows if row["svname"] == slot]) for slot in SLOTS}


def _of(rows: list[dict[str, str]]) -> ServerStats:
    first = next((row for row in rows if row["pxname"] == PAIR), None)
    if first is None:
        raise ValueError("HAProxy does not know the slot")
    return ServerStats(
        sessions=_sum(rows, "scur"),
        requests=sum(map(_requests, rows)),
        failures=sum(map(_failures, rows)),
        state=_state(first["status"]),
        weight=int(first["weight"] or 0),
    )


def _requests(row: dict[str, str]) -> int:
    """At the door each knock of one that waits counts as a connection, so those that were answered count there."""
    return _sum([row], "req_tot" if row["pxname"] == DOOR else "stot")


def _failures(row: dict[str, str]) -> int:
    """A request that is sent again counts as a retry, and where it goes to the other server as a redispatch too, or as
    a redispatch alone where it had not been sent yet. At the door a retry is but a knock of one that waits."""
    again = 0 if row["pxname"] == DOOR else max(_sum([row], "wretr"), _sum([row], "wredis"))
    return again + _sum([row], "econ", "eresp", "hrsp_5xx")


def _sum(rows: Iterable[dict[str, str]], *names: str) -> int:
    return sum(int(row[name] or 0) for row in rows for name in names)


def _state(status: str) -> ServerState:
    """`UP 1/2`, `DOWN (agent)`, `MAINT (via pair/blue)`, `no check`."""
    word = status.split(" ", 1)[0].lower()
    known: dict[str, ServerState] = {"down": "down", "drain": "drain", "maint": "maint"}
    return known.get(word, "up")
