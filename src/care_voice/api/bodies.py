"""JSON bodies as values: a mistake is told with the name of its field, and nothing is silently ignored."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from fastapi import Request

from care_voice.domain.errors import InvalidParameter

T = TypeVar("T", bound=msgspec.Struct)
_MOST_BYTES = 1024 * 1024
_PLACE = re.compile(r"`\$\.(\w+)|field `(\w+)`")


async def json_body(request: Request, kind: type[T]) -> T:
    """The body as `kind`, a struct that forbids unknown fields.

    Raises:
        InvalidParameter: It is not JSON, it is longer than 1 MiB, or a field of it does not fit.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise InvalidParameter(param="body", why=f"it is longer than {_MOST_BYTES} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = _PLACE.search(str(error))
        param = (place[1] or place[2]) if place else "body"
        raise InvalidParameter(param=param, why=str(error)) from None
