"""Names that people and clients give to recordings: what may stand in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from care_voice.domain.errors import InvalidParameter

MAX_TITLE = 500
MAX_FILENAME = 255
MAX_TAG = 100
MAX_TAGS = 50
_MAX_PAIRS = 64
_MAX_KEY = 100
_MAX_VALUE = 4_096


def line(param: str, text: str, most: int) -> str:
    """One line of text without spaces around it. Raises InvalidParameter where it is longer than `most` characters or
    holds control characters or halves of characters, which no database takes."""
    return _text(param, text.strip(), most, allowed="")


def lines(param: str, text: str, most: int) -> str:
    """As `line`, with line ends and tabs; those of other systems become plain ones. Raises InvalidParameter."""
    return _text(param, text.replace("\r\n", "\n").replace("\r", "\n").strip(), most, allowed="\n\t")


def tags(param: str, given: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are kept: each once, in the order given.

    Raises:
        InvalidParameter: One is not valid, or there are too many.
    """
    found = tuple(dict.fromkeys(tag for each in given if (tag := line(param, each, MAX_TAG))))
    if len(found) > MAX_TAGS:
        raise InvalidParameter(param=param, why=f"there are more than {MAX_TAGS}")
    return found


def metadata(param: str, given: Mapping[str, str]) -> dict[str, str]:
    """What a client wants to find again with its recording. Raises InvalidParameter."""
    if len(given) > _MAX_PAIRS:
        raise InvalidParameter(param=param, why=f"there are more than {_MAX_PAIRS} entries")
    return {line(param, key, _MAX_KEY): line(param, value, _MAX_VALUE) for key, value in given.items()}


def _text(param: str, text: str, most: int, *, allowed: str) -> str:
    if len(text) > most:
        raise InvalidParameter(param=param, why=f"it is longer than {most} characters")
    if any(_is_no_text(each) for each in text if each not in allowed):
        raise InvalidParameter(param=param, why="it holds characters that are not text")
    return text


def _is_no_text(character: str) -> bool:
    code = ord(character)
    return code < 32 or code == 127 or 0xD800 <= code < 0xE000
