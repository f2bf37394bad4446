"""Words as they stand in a text, and times for words that came without any. Pure. Times are seconds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

Span = tuple[float, float]

_UNSPACED = "\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Scripts written without spaces: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han."""

_BEGINS_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_PIECE = re.compile(rf"\s*(?:[{_UNSPACED}][^\w\s]*|[^\s{_UNSPACED}]+)")
_FURTHEST = 80
"""A word is looked for within so many characters: one that the text lacks must not lead far ahead."""
_ROUNDING_S = 1e-6


def joinable(text: str) -> str:
    """The text with the leading space that joins it to what was said before, where its script has spaces."""
    text = text.rstrip()
    if not text or text[0].isspace() or _BEGINS_UNSPACED.match(text):
        return text
    return f" {text}"


def pieces_of(text: str) -> list[str]:
    """A text cut into words with the spaces and the punctuation that belong to them; characters where there are no
    spaces. Joined, they are the text."""
    return _PIECE.findall(text.rstrip())


def spelled(words: Sequence[str], text: str) -> list[str] | None:
    """The stretch of `text` that each word stands for, so that joined they are the text: servers give bare words. A
    word that is not found gets an empty stretch. None where the text is another one.
    """
    starts = _starts(words, text)
    found = [start for start in starts if start is not None]
    if 2 * len(found) < len(words) or not found:
        return None
    bounds = [0, *found[1:], len(text.rstrip())]
    stretches = iter(text[begin:end] for begin, end in itertools.pairwise(bounds))
    return ["" if start is None else next(stretches) for start in starts]


def spread(pieces: Sequence[str], spans: Sequence[Span]) -> list[Span]:
    """Times for pieces that are said evenly, by their letters, during `spans`."""
    lengths = [len(piece.strip()) for piece in pieces]
    total, whole_s = sum(lengths), sum(end - start for start, end in spans)
    times, done = [], 0
    for length in lengths:
        begin = _at(spans, whole_s * done / total, ending=False)
        done += length
        times.append((begin, _at(spans, whole_s * done / total, ending=True)))
    return times


def _starts(words: Sequence[str], text: str) -> list[int | None]:
    lowered = text.lower() if len(text.lower()) == len(text) else text
    cursor, starts = 0, list[int | None]()
    for word in words:
        bare = word.strip().lower()
        at = lowered.find(bare, cursor, cursor + len(bare) + _FURTHEST) if bare else -1
        starts.append(None if at < 0 else _with_space(text, at, cursor))
        cursor = cursor if at < 0 else at + len(bare)
    return starts


def _with_space(text: str, at: int, cursor: int) -> int:
    """Where a word's stretch begins: at the space before it; punctuation before that belongs to the word before."""
    between = re.search(r"\s", text[cursor:at])
    return cursor + between.start() if between else at


def _at(spans: Sequence[Span], offset_s: float, *, ending: bool) -> float:
    """The time after so many seconds of speech; at a gap its beginning for what ends there, else its end."""
    for start, end in spans[:-1]:
        length = end - start
        if offset_s < length + (_ROUNDING_S if ending else -_ROUNDING_S):
            return start + offset_s
        offset_s -= length
    start, end = spans[-1]
    return min(start + offset_s, end)
