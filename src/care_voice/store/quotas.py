"""How much recordings may hold together, checked in the transaction in which they grow.

On PostgreSQL what others have not committed yet cannot be seen: whoever grows holds a lock until its own commit, so
that the sum that it reads is the last word.
"""

from __future__ import annotations

from dataclasses import dataclass

from care_voice.domain.store_errors import QuotaExceeded
from care_voice.store.database import Connection

_CLIENT = "the recordings of one client"
_EVERYBODY = "all recordings together"
_NO_CLIENT = ""


@dataclass(frozen=True, slots=True)
class Use:
    """What is used of a limit, in bytes."""

    what: str
    limit: int
    used: int

    @property
    def refusal(self) -> QuotaExceeded:
        return QuotaExceeded(what=self.what, limit_bytes=self.limit, used_bytes=self.used)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Limits in bytes; 0 for none."""

    client_bytes: int = 0
    total_bytes: int = 0

    def uses(self, connection: Connection, client: str) -> list[Use]:
        """The limits that there are for a client, and what is used of them."""
        limits = [(_CLIENT, self.client_bytes, client), (_EVERYBODY, self.total_bytes, None)]
        return [Use(what, limit, bytes_held(connection, whose)) for what, limit, whose in limits if limit]

    def require_room(self, connection: Connection, client: str, more: int) -> None:
        """There is room for `more` bytes, and until the commit nobody else takes it. Raises QuotaExceeded."""
        for use in self._locked_uses(connection, client):
            if use.used + more > use.limit or use.used >= use.limit:
                raise use.refusal

    def require_kept(self, connection: Connection, client: str) -> None:
        """What this transaction has added is within the limits. Raises QuotaExceeded."""
        for use in self._locked_uses(connection, client):
            if use.used > use.limit:
                raise use.refusal

    def _locked_uses(self, connection: Connection, client: str) -> list[Use]:
        if self.client_bytes:
            connection.one("lock_quota", whose=client)
        if self.total_bytes:
            connection.one("lock_quota", whose=_NO_CLIENT)
        return self.uses(connection, client)


def bytes_held(connection: Connection, client: str | None) -> int:
    """Bytes of all recordings, with what is announced of those that are being received; of one client, or of all."""
    statement = "bytes_held" if client is None else "bytes_held_by"
    row = connection.one(statement, client=client)
    assert row is not None
    return int(row["held"])
