"""Requests that a client may send twice: the second is answered as the first was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from care_voice.domain.store_errors import IdempotencyMismatch
from care_voice.store.database import Connection
from care_voice.store.recordings import to_json

KEPT_S = 7 * 86_400.0


def once(
    connection: Connection, client: str, key: str | None, request: Mapping[str, Any], make: Callable[[], str]
) -> tuple[str, bool]:
    """The id that `make` gives, and whether it was made now; where the key was used for the same request, the id of
    then. It is kept for a week.

    Raises:
        IdempotencyMismatch: The key was used for another request.
    """
    if key is None:
        return make(), True
    digest = hashlib.sha256(to_json(request).encode()).hexdigest()
    connection.run("expire_idempotency_keys", before=connection.now - KEPT_S)
    result = {"client": client, "key": key, "request_sha256": digest, "result_id": "", "now": connection.now}
    if connection.run("insert_idempotency_key", **result):
        made = make()
        connection.run("set_idempotent_result", client=client, key=key, result_id=made)
        return made, True
    row = connection.one("idempotent_result", client=client, key=key)
    assert row is not None
    if row["request_sha256"] != digest:
        raise IdempotencyMismatch(key=key[:80])
    return str(row["result_id"]), False
