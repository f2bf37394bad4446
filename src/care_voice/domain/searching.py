"""What a text is searched by, and what a query asks for.

Scripts without spaces between words (Chinese, Japanese, Thai; Korean too, whose particles join its words) are indexed
by single characters and by overlapping pairs, as Lucene's CJKBigramFilter does; other scripts by words. Pairs of short
words are indexed as well, after Lucene's CommonGramsFilter: the commonest words are short, and a phrase of them would
else be looked for in almost every document. Texts and queries are folded alike: full-width and half-width (NFKC), case,
apostrophes within words, and punctuation, which separates words and joins what has no spaces.

A folded text ("body") is a line of units, each with a space before it, and one at the end: " king 今天天氣 is ". So the
beginning and the end of a word can be looked for like any other character.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

FOLDING = 1
"""Raise it when bodies or terms change their form: documents of an older one are made again."""
MAX_QUERY_CHARACTERS = 500

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff"  # Thai, Lao, Burmese, Hangul letters, Khmer
    "\u3005-\u3007\u3031-\u3035\u303b\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u318f\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"  # Han, Hangul
)
# What \w lacks: the marks that belong to letters. The blocks of Indian scripts are taken whole.
_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff\u1dc0-\u1dff"
_LETTERS = rf"(?:[^\W_{_UNSPACED}]+|[{_MARKS}]+)+"
_PIECE = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|{_LETTERS}(?:['’]{_LETTERS})*")
_STARTS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_APOSTROPHES = str.maketrans("", "", "'’")
_CHUNK = re.compile(r'["“”„]([^"“”„]*)["“”„]?|([^\s"“”„]+)')

_JOINT = "·"  # never within a unit, as it is no letter
_SHORT_WORD = 4
_LONGEST_TERM = 64
# PostgreSQL takes 1 MiB of terms for a document; this much is a day of speech.
_MOST_TERM_BYTES = 900_000
_MOST_CHUNKS = 16
_MOST_TOKENS_OF_CHUNK = 12


@dataclass(frozen=True, slots=True)
class Unit:
    """A word, or a run of a script without spaces; `start` and `end` are its place in the folded text."""

    text: str
    unspaced: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Token:
    """A term that a document must have, or the beginning of one."""

    text: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One word or phrase of a query: a document has it where its body has `needle`.

    `tokens` find the documents that may have it; `proved` says that no other documents have all of them.
    """

    needle: str
    tokens: tuple[Token, ...]
    proved: bool


class Body:
    """A folded text that grows by what is added to it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._unspaced = False
        self.length = 0

    def add(self, text: str) -> int:
        """Fold a text in; where it begins. What was cut within a sentence without spaces is joined again."""
        start = self.length
        for unit in units(fold(text)):
            self._put(unit.text if unit.unspaced and self._unspaced else " " + unit.text)
            self._unspaced = unit.unspaced
        return start

    def end_line(self) -> None:
        """What follows is another field: no phrase reaches across."""
        self._put(" \n")
        self._unspaced = False

    def __str__(self) -> str:
        return "".join(self._parts)

    def _put(self, part: str) -> None:
        self._parts.append(part)
        self.length += len(part)


def fold(text: str) -> str:
    """Text in the form in which it is compared: NFKC and case-folded (Unicode 3.13, D146)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def units(folded: str) -> Iterator[Unit]:
    """The words and runs of a folded text, in order."""
    for match in _PIECE.finditer(folded):
        unspaced = match.lastgroup is not None
        text = match.group() if unspaced else match.group().translate(_APOSTROPHES)
        yield Unit(text, unspaced, match.start(), match.end())


def facet(kind: str, value: str) -> str:
    """A term that stands for something said about a document, such as a tag."""
    return f"{_JOINT}{kind}{_JOINT}{hashlib.sha256(value.encode('utf-8', 'replace')).hexdigest()[:16]}"


def terms_of(body: str, facets: Iterable[str] = ()) -> list[str]:
    """What a document is indexed by, each once."""
    found = dict.fromkeys(facets)
    for line in body.split("\n"):
        found.update(dict.fromkeys(_terms(line)))
    return list(found) if len(body) * 12 < _MOST_TERM_BYTES else list(_within(found, _MOST_TERM_BYTES))


def parse_query(query: str) -> tuple[Wanted, ...]:
    """What a query asks for: every word, and every phrase in quotes as it stands.

    A word outside quotes means all words that begin like it; words of one letter, and those in quotes, are whole.
    Empty where there is nothing in the query that is indexed.
    """
    chunks = ((match[1], True) if match[1] is not None else (match[2], False) for match in _CHUNK.finditer(query))
    wanted = (_wanted(text, quoted) for text, quoted in chunks)
    return tuple(dict.fromkeys(each for each in wanted if each is not None))[:_MOST_CHUNKS]


def _terms(line: str) -> Iterator[str]:
    before = ""
    for unit in line.split():
        if _STARTS_UNSPACED.match(unit):
            yield from unit
            yield from _pairs(unit)
            before = ""
        else:
            yield unit[:_LONGEST_TERM]
            if _both_short(before, unit):
                yield before + _JOINT + unit
            before = unit


def _pairs(run: str) -> Iterator[str]:
    return (run[place : place + 2] for place in range(len(run) - 1))


def _both_short(one: str, other: str) -> bool:
    return 0 < len(one) <= _SHORT_WORD and 0 < len(other) <= _SHORT_WORD


def _within(terms: Iterable[str], most_bytes: int) -> Iterator[str]:
    used = 0
    for term in terms:
        used += len(term.encode())
        if used > most_bytes:
            return
        yield term


def _wanted(text: str, quoted: bool) -> Wanted | None:
    body = Body()
    body.add(text)
    parts = str(body).split()
    if not parts:
        return None
    first_is_word, last_is_word = (not _STARTS_UNSPACED.match(part) for part in (parts[0], parts[-1]))
    whole = last_is_word and (quoted or len(parts[-1]) == 1)
    needle = f"{' ' if first_is_word else ''}{' '.join(parts)}{' ' if whole else ''}"
    tokens = _tokens(parts, prefix=last_is_word and not whole)
    proved = len(parts) == 1 and _is_one_term(parts[0])
    return Wanted(needle, _spread(tokens), proved)


def _is_one_term(unit: str) -> bool:
    """Whether a unit is indexed as it stands. A run of one character said again and again has one term as well, but is
    longer than that."""
    return len(unit) <= (2 if _STARTS_UNSPACED.match(unit) else _LONGEST_TERM)


def _tokens(parts: Sequence[str], *, prefix: bool) -> list[Token]:
    last = [Token(parts[-1][:_LONGEST_TERM], prefix=True)] if prefix else []
    whole = " ".join(parts[:-1] if prefix else parts)
    found = dict.fromkeys(Token(term) for term in _terms(whole))
    # A pair of characters says more than either.
    paired = {character for part in parts if _STARTS_UNSPACED.match(part) and len(part) > 1 for character in part}
    return [token for token in found if token.text not in paired] + last


def _spread(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """Enough of them to find few documents; the needle decides."""
    count = min(len(tokens), _MOST_TOKENS_OF_CHUNK)
    return tuple(tokens[number * len(tokens) // count] for number in range(count))
