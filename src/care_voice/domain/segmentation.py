"""From the words of one window to segments that read well as lines and as subtitles."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from care_voice.domain.transcript import Word

SENTENCE_END = frozenset(".?!…。？！")
CLAUSE_END = frozenset(",;:、，；：") | SENTENCE_END
CLOSING = frozenset("\"'”’)]」』）》】")


@dataclass(frozen=True, slots=True)
class SegmentationSettings:
    """Limits of one segment. The defaults follow common subtitling practice: two lines of 42 Latin letters."""

    max_columns: int = 84
    """Width of the text in columns; a CJK character takes two."""

    max_duration_s: float = 7.0
    """Seconds on screen; a longer line is cut at a clause or, failing that, between words."""

    min_clause_columns: int = 24
    """A comma ends a segment only once the segment is this wide, so that lines do not become fragments."""

    pause_s: float = 0.9
    """Silence in seconds that ends a segment by itself."""


def columns(text: str) -> int:
    """Width of `text` on a fixed-width screen: wide and full-width characters count two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def split_into_segments(words: Sequence[Word], settings: SegmentationSettings) -> list[tuple[Word, ...]]:
    """Group `words` into segments: at sentence ends and pauses always, at clauses and between words where too long."""
    groups: list[tuple[Word, ...]] = []
    for sentence in _split_at_sentences(words, settings.pause_s):
        groups.extend(_split_to_fit(sentence, settings))
    return groups


def _split_at_sentences(words: Iterable[Word], pause_s: float) -> list[list[Word]]:
    sentences: list[list[Word]] = []
    current: list[Word] = []
    for word in words:
        if current and (word.start - current[-1].end >= pause_s or _ends_with(current[-1], SENTENCE_END)):
            sentences.append(current)
            current = []
        current.append(word)
    if current:
        sentences.append(current)
    return sentences


def _split_to_fit(sentence: Sequence[Word], settings: SegmentationSettings) -> list[tuple[Word, ...]]:
    if _fits(sentence, settings) or len(sentence) == 1:
        return [tuple(sentence)]
    cut = _best_cut(sentence, settings)
    return [tuple(sentence[:cut]), *_split_to_fit(sentence[cut:], settings)]


def _best_cut(sentence: Sequence[Word], settings: SegmentationSettings) -> int:
    """Index of the first word of the rest: after the last clause that fits, else as many words as fit evenly."""
    longest = max((n for n in range(1, len(sentence)) if _fits(sentence[:n], settings)), default=1)
    for n in range(longest, 0, -1):
        if _ends_with(sentence[n - 1], CLAUSE_END) and _width(sentence[:n]) >= settings.min_clause_columns:
            return n
    halves = -(-_width(sentence) // settings.max_columns)
    target = _width(sentence) / max(halves, 2)
    even = min(range(1, longest + 1), key=lambda n: abs(_width(sentence[:n]) - target))
    return even if _width(sentence) <= 2 * settings.max_columns else longest


def _fits(words: Sequence[Word], settings: SegmentationSettings) -> bool:
    return _width(words) <= settings.max_columns and words[-1].end - words[0].start <= settings.max_duration_s


def _width(words: Sequence[Word]) -> int:
    return columns("".join(word.text for word in words).strip())


def _ends_with(word: Word, marks: frozenset[str]) -> bool:
    text = word.text.rstrip().rstrip("".join(CLOSING))
    return bool(text) and text[-1] in marks
