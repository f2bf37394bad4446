"""The script of Chinese text: which one it is in, and words whose text was written anew in another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import accumulate, pairwise
from typing import Literal

from care_voice.domain.transcript import Word

Script = Literal["traditional", "simplified", "as_heard"]

CHINESE = frozenset({"zh", "yue"})
"""The languages that are written in one of the two scripts. Japanese is not: it has its own forms of characters."""

Fold = Callable[[str], str]
"""A character to what it has in common with its other forms, which is one character too."""

_OF_TAIWAN = "cp950"
"""The character set of Traditional Chinese: the Simplified forms that are no other word's Traditional form are not in
it. 后 and 干 are: in Traditional text they are an empress and a shield, which no conversion may touch."""


def script_of(text: str, to_traditional: Fold, to_simplified: Fold) -> Script | None:
    """The script that `text` is written in; None where its characters are the same in both, or may be either's."""
    if any(to_traditional(char) != char and not _in_taiwan(char) for char in text):
        return "simplified"
    return "traditional" if any(to_simplified(char) != char for char in text) else None


def recut(words: Sequence[Word], text: str, fold: Fold) -> tuple[Word, ...]:
    """`words` with `text` in the place of what they say: joined they are `text`, and their times are what they were.

    Characters of the same fold stand for each other (difflib, Ratcliff and Obershelp); a phrase that got another one
    is shared out evenly. A word for which nothing is left is one with its neighbour, as sure as the less sure of both.
    """
    heard = "".join(word.text for word in words)
    if text == heard or not words:
        return tuple(words)
    if len(words) == 1:
        return (replace(words[0], text=text),)
    places = _places([fold(char) for char in heard], [fold(char) for char in text])
    cuts = [places[end] for end in accumulate((len(word.text) for word in words), initial=0)]
    written = [replace(w, text=text[start:end]) for w, (start, end) in zip(words, pairwise(cuts), strict=True)]
    return _without_empty(written)


def _in_taiwan(char: str) -> bool:
    try:
        char.encode(_OF_TAIWAN)
    except UnicodeEncodeError:
        return False
    return True


def _places(heard: Sequence[str], written: Sequence[str]) -> list[int]:
    """Where in `written` each character of `heard` begins, and the end."""
    places: list[int] = []
    for _, start, end, at, until in SequenceMatcher(None, heard, written, autojunk=False).get_opcodes():
        places += [at + step * (until - at) // (end - start) for step in range(end - start)]
    return [0, *places[1:], len(written)]


def _without_empty(words: Sequence[Word]) -> tuple[Word, ...]:
    kept: list[Word] = []
    for word in words:
        if kept and not (word.text and kept[-1].text):
            word = _one(kept.pop(), word)  # noqa: PLW2901 - it grows by what stood before it
        kept.append(word)
    return tuple(kept)


def _one(left: Word, right: Word) -> Word:
    sure = min(left.probability, right.probability)
    return Word(left.text + right.text, left.start, max(left.end, right.end), sure, left.tokens + right.tokens)
