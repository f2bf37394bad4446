"""The nodes that work on one database."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from care_voice.store.database import Connection

_FORGOTTEN_AFTER_LEASES = 20


@dataclass(frozen=True, slots=True)
class Node:
    """A running `care-voice serve`."""

    id: str
    host: str
    pid: int
    version: str


@dataclass(frozen=True, slots=True)
class SeenNode:
    """A node, when it began, when it was last heard of (Unix seconds), and how many jobs it has in hand."""

    id: str
    host: str
    pid: int
    version: str
    started_at: float
    seen_at: float
    jobs: int


def seen(connection: Connection, node: Node, lease_s: float) -> None:
    """It is alive; those that were not heard of for long are forgotten."""
    connection.run("node_seen", **asdict(node), now=connection.now)
    connection.run("forget_nodes", before=connection.now - _FORGOTTEN_AFTER_LEASES * lease_s)


def forget(connection: Connection, node_id: str) -> None:
    """It has ended as it should."""
    connection.run("forget_node", id=node_id)


def every(connection: Connection) -> list[SeenNode]:
    """All that were heard of lately, the oldest first."""
    return [SeenNode(**row) for row in connection.all("nodes")]
