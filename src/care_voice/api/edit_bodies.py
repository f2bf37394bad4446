"""Edits and the revision that a client has seen, read from requests. Every complaint names what is wrong."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, TypeVar

import msgspec
from fastapi import Request

from care_voice.api.bodies import refusal
from care_voice.domain.edits import (
    DeleteSegment,
    Edit,
    Merge,
    RenameSpeaker,
    ReplaceAll,
    Restore,
    SetSpeaker,
    SetText,
    SetTimes,
    Split,
)
from care_voice.domain.errors import BodyTooLarge, InvalidParameter, MissingParameter, UnsupportedParameter
from care_voice.domain.stored import Seen

EDITS: dict[str, type[Edit]] = {
    cls.kind: cls
    for cls in (
        SetText, Split, Merge, DeleteSegment, Restore, RenameSpeaker, SetSpeaker, SetTimes, ReplaceAll,
    )
}  # fmt: skip
"""Every edit by the name that requests give as `op`."""

MAX_BODY_BYTES = 1_000_000
MAX_EDITS = 1_000
"""Edits of one request; all of them are made or none."""

T = TypeVar("T")
_TAG = re.compile(r'"(\d{1,9})\.(\d{1,18})(?:\.current)?"')


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    edits: list[dict[str, Any]]
    revision: int | None = None


class _RevisionBody(msgspec.Struct, forbid_unknown_fields=True):
    revision: int | None = None


class _VersionBody(msgspec.Struct, forbid_unknown_fields=True):
    version: int


async def read_edits(request: Request) -> tuple[list[Edit], Seen]:
    """The edits of a request, and what its client has seen.

    Raises:
        InvalidParameter, MissingParameter, UnsupportedParameter, BodyTooLarge: It is not as docs/api.md says.
    """
    body = _decoded(await _body_of(request), _Body)
    if not 1 <= len(body.edits) <= MAX_EDITS:
        raise InvalidParameter(param="edits", why=f"there must be 1 to {MAX_EDITS} of them")
    return [_edit(number, each) for number, each in enumerate(body.edits)], _seen(request, body.revision)


async def read_revision(request: Request) -> Seen:
    """What the client of an undo has seen; its body may be empty where the header says it. Raises as `read_edits`."""
    return _seen(request, _decoded(await _body_of(request) or b"{}", _RevisionBody).revision)


async def read_version(request: Request) -> int:
    """The number of a version. Raises as `read_edits`."""
    return _decoded(await _body_of(request), _VersionBody).version


async def _body_of(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge(limit_bytes=MAX_BODY_BYTES)
    return body


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refusal(error) from None


def _edit(number: int, raw: dict[str, Any]) -> Edit:
    op = raw.pop("op", None)
    cls = EDITS.get(op) if isinstance(op, str) else None
    if cls is None:
        raise InvalidParameter(param=f"edits[{number}].op", why=f"it must be one of {', '.join(EDITS)}")
    unknown = raw.keys() - {field.name for field in fields(cls)}  # type: ignore[arg-type]
    if unknown:
        raise UnsupportedParameter(param=f"edits[{number}].{min(unknown)[:40]}", why=f"{op} has no such field")
    try:
        return msgspec.convert(raw, cls)
    except msgspec.ValidationError as error:
        raise refusal(error, f"edits[{number}]") from None


def _seen(request: Request, revision: int | None) -> Seen:
    """What the client has seen, by `If-Match` or by `revision` in the body: `*` is whatever is there."""
    tag = request.headers.get("if-match")
    if tag is None:
        if revision is None:
            raise MissingParameter(param="revision")
        return Seen(revision=revision)
    if revision is not None:
        raise InvalidParameter(param="revision", why="say it in If-Match or in the body, not in both")
    if tag == "*":
        return Seen()
    match = _TAG.fullmatch(tag)
    if match is None:
        raise InvalidParameter(param="If-Match", why="it must be * or an ETag of this transcript")
    return Seen(number=int(match[1]), revision=int(match[2]))
