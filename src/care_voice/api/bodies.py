"""JSON bodies as values: a mistake is told with the name of its field, and nothing is silently ignored."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from fastapi import Request

from care_voice.domain.errors import InvalidParameter, MissingParameter, RequestError, UnsupportedParameter

T = TypeVar("T", bound=msgspec.Struct)
_MOST_BYTES = 1024 * 1024
_PLACE = re.compile(r"`\$\.(\w+)|field `(\w+)`")
_MISSING, _UNKNOWN = "missing required field", "contains unknown field"
_TYPES = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<given>[^`]+)`")
_NAMES = {
    "str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "array": "a list",
    "object": "an object", "null": "null",
}  # fmt: skip


async def json_body(request: Request, kind: type[T]) -> T:
    """The body as `kind`, a struct that forbids unknown fields.

    Raises:
        InvalidParameter: It is not JSON, it is longer than 1 MiB, or a field of it does not fit.
        MissingParameter, UnsupportedParameter: A field is missing, or not known.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise InvalidParameter(param="body", why=f"it is longer than {_MOST_BYTES} bytes")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refusal(error) from None


def refusal(error: Exception, within: str = "") -> RequestError:
    """What the decoder says, in the words of this service; `within` names the part of the body that was decoded."""
    place = _PLACE.search(str(error))
    name = (place[1] or place[2]) if place else ""
    param = ".".join(part for part in (within, name) if part) or "body"
    if _MISSING in str(error):
        return MissingParameter(param=param)
    if _UNKNOWN in str(error):
        return UnsupportedParameter(param=param, why="Care Voice does not know it")
    return InvalidParameter(param=param, why=_reason(error))


def _reason(error: Exception) -> str:
    """Why a value does not fit, for people."""
    if not isinstance(error, msgspec.ValidationError):
        return "it is not JSON in UTF-8"
    types = _TYPES.search(str(error))
    if types is not None:
        wanted = " or ".join(_NAMES.get(each, each) for each in types["wanted"].split(" | "))
        return f"it must be {wanted}, not {_NAMES.get(types['given'], types['given'])}"
    return str(error).partition(" - at ")[0].replace("`", "'")[:200]
