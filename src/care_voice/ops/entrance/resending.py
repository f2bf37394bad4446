"""Which requests may be sent a second time when it is not known whether the first one was done. No I/O here.

`docs/entrance.md` says of each why that is safe.
"""

from __future__ import annotations

from collections.abc import Iterator

from care_voice.ops.entrance.words import milliseconds

_COMPUTING = ("/v1/audio/transcriptions", "/v1/audio/translations", "/api/v1/transcriptions")
"""They compute and keep nothing."""

_UPLOADS = "/api/v1/uploads"
_KEYED = r"^/api/v1/(recordings|uploads|recordings/[^/]+/jobs)$"
"""What is made once for each Idempotency-Key."""

_COMPLETING = r"^/api/v1/recordings/[^/]+/complete$"
"""A recording that is complete already stays as it is."""

_HEAD_ROOM_BYTES = 64 * 1024
"""Of a buffer, for the head of the request and what HAProxy adds to it."""

_PART_BYTES = 256 * 1024
"""Larger parts of an upload are passed on as they come: what has come of them counts even where the rest does not, and
over a slow line it would come too late otherwise. A part of a live recording is far smaller."""


def resending_rules(body_s: float, buffer_bytes: int) -> Iterator[str]:
    """Rules of a frontend that mark what may be sent again, and keep its body for that."""
    yield "acl repeatable method GET HEAD OPTIONS PUT DELETE"
    yield f"acl part path -m beg {_UPLOADS}/"
    yield f"acl computing path -m str {' '.join(_COMPUTING)}"
    yield f"acl completing path -m reg {_COMPLETING}"
    yield f"acl keyed path -m reg {_KEYED}"
    for condition in (
        "repeatable",
        "METH_POST computing",
        "METH_POST completing",
        "METH_POST keyed { req.hdr(idempotency-key) -m found }",
        "{ method PATCH } part",
    ):
        yield f"http-request set-var({_AGAIN}) bool(true) if {condition}"
    again = f"{{ var({_AGAIN}) -m bool }}"
    yield f"{awaited_whole(body_s, buffer_bytes)} {again} !part"
    yield f"{awaited_whole(body_s, _HEAD_ROOM_BYTES + _PART_BYTES)} {again} part"


def awaited_whole(body_s: float, buffer_bytes: int) -> str:
    """A rule that waits for the body of a request that fits into so large a buffer; more conditions may follow."""
    fits = f"{{ req.hdr(content-length) -m int 1:{buffer_bytes - _HEAD_ROOM_BYTES} }}"
    return f"http-request wait-for-body time {milliseconds(body_s)} if {fits}"


_AGAIN = "txn.again"
NOT_AGAIN = f"!{{ var({_AGAIN}) -m bool }}"
"""The condition of what is sent once."""
