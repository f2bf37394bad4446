"""Where rows are kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Migrate = Literal["auto", "before", "all", "none"]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The database of recordings, jobs and transcripts."""

    url: str = field(default="", repr=False)
    """Empty for SQLite in the data directory, else PostgreSQL: postgresql://user:password@host/database. Several nodes
    share the work when they are given the same one."""

    migrate: Migrate = "auto"
    """Which migrations are applied at the start: before those that an older version can live with, all, none; auto is
    all with SQLite and before with PostgreSQL, where an older version may still run beside this one."""

    busy_timeout_s: float = 5.0
    """How long a transaction waits for another process that holds the SQLite database."""

    connections: int = 8
    """Connections to PostgreSQL, and transactions at a time in this process."""

    connect_timeout_s: float = 5.0
    """A PostgreSQL server that does not answer within this is unavailable."""

    statement_timeout_s: float = 30.0
    """PostgreSQL ends a statement that takes longer."""
