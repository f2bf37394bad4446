"""Where one word ends and the next begins, in scripts with spaces between words and in Chinese and Japanese."""

from __future__ import annotations

import re
import unicodedata

_UNSPACED = (
    "\u3005-\u3007\u3040-\u30ff\u3105-\u312f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Han, kana and bopomofo, as a class of a regular expression."""

_PIECE = re.compile(rf"\s*(?:[^\w\s]*[{_UNSPACED}][^\w\s]*|[^\s{_UNSPACED}]+)")
_WITHOUT_SPACE = re.compile(rf"[{_UNSPACED}\u3000-\u303f\uff01-\uff65]")


def pieces(text: str) -> list[str]:
    """`text` cut into words with the space before each; a Chinese or Japanese character is one, with its punctuation.

    Joined they are `text` again, without the space at its end.
    """
    return _PIECE.findall(text)


def key(piece: str) -> str:
    """What two pieces have in common that sound the same: the text without case, punctuation and space."""
    bare = "".join(char for char in piece.casefold() if unicodedata.category(char)[0] not in "PSZC")
    return bare or piece.strip()


def is_unspaced(char: str) -> bool:
    """Whether no space stands beside this character: it is Chinese or Japanese, or punctuation as wide as they."""
    return _WITHOUT_SPACE.fullmatch(char) is not None


def glue(left: str, right: str) -> str:
    """What stands between two texts that are joined: a space, or nothing beside Chinese and Japanese."""
    if not left or not right or is_unspaced(left[-1]) or is_unspaced(right[0]):
        return ""
    return " "


def joined(texts: list[str]) -> str:
    """Texts in a row, with a space between two of them where the script has one."""
    parts: list[str] = []
    for text in texts:
        parts += [glue(parts[-1] if parts else "", text), text]
    return "".join(parts)
