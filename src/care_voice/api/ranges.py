"""Parts of what is stored, as RFC 9110 lets clients ask for them (section 14). Pure: headers in, a decision out.

One range is given as asked. Whoever asks for several, or in a way that the grammar does not know, gets the whole, which
the RFC allows and every player understands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from care_voice.domain.store_errors import RangeNotSatisfiable

_UNIT = re.compile(r"bytes\s*=(?P<set>.*)\Z", re.IGNORECASE | re.ASCII)
_SPEC = re.compile(r"(?P<first>[0-9]*)\s*-\s*(?P<last>[0-9]*)\Z", re.ASCII)
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ByteRange:
    """The bytes [start, end) of what is `size` bytes long; `partial` where a client asked for them as a range."""

    start: int
    end: int
    size: int
    partial: bool

    @property
    def length(self) -> int:
        return self.end - self.start

    @property
    def content_range(self) -> str:
        """The header's value."""
        return f"bytes {self.start}-{self.end - 1}/{self.size}"


def range_asked(headers: Mapping[str, str], size: int, etag: str) -> ByteRange:
    """What a GET is to be answered with. `headers` are found by lower-case names; `etag` is strong, with its quotes.

    Raises:
        RangeNotSatisfiable: A range was asked for that lies behind the end.
    """
    whole = ByteRange(0, size, size, partial=False)
    asked, condition = headers.get("range"), headers.get("if-range")
    if asked is None or (condition is not None and condition.strip() != etag):
        return whole
    return _parsed(asked, size) or whole


def is_unchanged(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the client has it already, as `If-None-Match` says; compared weakly (section 8.8.3.2)."""
    known = headers.get("if-none-match", "").strip()
    return known == "*" or etag in {each.removeprefix("W/") for each in _ETAG.findall(known)}


def _parsed(header: str, size: int) -> ByteRange | None:
    """None where the header is to be ignored."""
    unit = _UNIT.match(header.strip())
    specs = [each for part in unit["set"].split(",") if (each := part.strip())] if unit else []
    spec = _SPEC.match(specs[0]) if len(specs) == 1 else None
    if spec is None or not (spec["first"] or spec["last"]):
        return None
    if not spec["first"]:
        return _last_bytes(_number(spec["last"]), size)
    first, last = _number(spec["first"]), _number(spec["last"] or "9" * _MOST_DIGITS)
    if last < first and spec["last"]:
        return None
    if first >= size:
        raise RangeNotSatisfiable(size=size)
    return ByteRange(first, min(last + 1, size), size, partial=True)


def _last_bytes(count: int, size: int) -> ByteRange | None:
    if count == 0:
        raise RangeNotSatisfiable(size=size)
    return ByteRange(max(0, size - count), size, size, partial=True) if size else None


def _number(digits: str) -> int:
    """The number; one that no file reaches becomes one that no file reaches and that is quickly read."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _MOST_DIGITS else 10**_MOST_DIGITS
