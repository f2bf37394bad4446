"""Word times of a text that a person has changed: kept where the words stayed, shared out where they did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from care_voice.domain.scripts import glue, key, pieces
from care_voice.domain.stored import trimmed
from care_voice.domain.transcript import Word

TYPED = 1.0
"""The probability of a word that a person wrote."""

_MOST_COMPARED = 400
"""Pieces that are compared with one another at most, so that no text takes long; a longer stretch counts as new."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A piece of an old word with its share of the time: the word's number, and which of `of` pieces it is."""

    key: str
    number: int
    part: int
    of: int
    word: Word
    whole: Word


def reworded(words: Sequence[Word], text: str, start: float, end: float) -> tuple[Word, ...]:
    """`text` as words between `start` and `end` seconds, with what `words` tell of it.

    Old and new are compared piece by piece (difflib, Ratcliff and Obershelp), whatever their case and punctuation: a
    word that is in both keeps its times and its probability. Between such words time is shared out by letters, to the
    millisecond. Joined the words are `text`, which must have no space at its ends.
    """
    head, tail = _untouched(words, text)
    first, middle, last = words[:head], words[head : len(words) - tail], words[len(words) - tail :]
    text = text[len(_text(first)) : len(text) - len(_text(last))]
    heard = [piece for number, word in enumerate(middle) for piece in _heard(number, word)]
    written = pieces(text)
    grouped = _grouped(written, _same(heard, [key(piece) for piece in written]))
    start, end = first[-1].end if first else start, last[0].start if last else end
    return (*first, *_timed(grouped, start, end), *last)


def cut(words: Sequence[Word], at: int) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The words before and after character `at` of their text; one that is cut shares its time by letters."""
    left: list[Word] = []
    right: list[Word] = []
    position = 0
    for word in words:
        before, after = _cut_word(word, min(max(at - position, 0), len(word.text)))
        left.append(before)
        right.append(after)
        position += len(word.text)
    return trimmed(left), trimmed(right)


def put_together(left: Sequence[Word], right: Sequence[Word]) -> tuple[Word, ...]:
    """Words of two texts as those of one, with a space between them where the script has one."""
    first, *rest = right
    return (*left, replace(first, text=glue(left[-1].text, first.text) + first.text), *rest)


def within(words: Sequence[Word], start: float, end: float) -> tuple[Word, ...]:
    """Words whose segment lasts from `start` to `end` now: cut short where they stood out of it.

    Where all of them would be out of it the time is shared out anew.
    """
    if words[-1].end <= start or words[0].start >= end:
        spread = _spread([word.text for word in words], start, end)
        return tuple(replace(word, probability=old.probability) for word, old in zip(spread, words, strict=True))
    return tuple(replace(w, start=_clamp(w.start, start, end), end=_clamp(w.end, start, end)) for w in words)


def _untouched(words: Sequence[Word], text: str) -> tuple[int, int]:
    """How many words at the beginning and at the end are in `text` to the letter: most, where little was changed."""
    head = _untouched_head([word.text for word in words], text)
    end = len(_text(words[:head]))
    tail = _untouched_head([word.text[::-1] for word in reversed(words[head:])], text[end:][::-1], backwards=True)
    return head, tail


def _untouched_head(texts: Sequence[str], text: str, *, backwards: bool = False) -> int:
    """How many of `texts` are the beginning of `text`, as far as a word ends there in both."""
    count = start = 0
    for one, following in pairwise(texts):
        stop = start + len(one)
        rest = text[stop : stop + 1]
        if not rest or not text.startswith(one, start):
            break
        if not all(_is_between(one[-1], right, backwards=backwards) for right in (rest, following[0])):
            break
        count, start = count + 1, stop
    return count


def _is_between(left: str, right: str, *, backwards: bool) -> bool:
    return _ends(right, left) if backwards else _ends(left, right)


@lru_cache(maxsize=4096)
def _ends(left: str, right: str) -> bool:
    """Whether a word ends between two characters."""
    return right.isspace() or len(pieces(left + right)) > 1


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words)


def _clamp(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _heard(number: int, word: Word) -> list[_Heard]:
    texts = pieces(word.text)
    shares = _spread(texts, word.start, word.end)
    return [
        _Heard(key(share.text), number, part, len(texts), replace(share, probability=word.probability), word)
        for part, share in enumerate(shares)
    ]


def _same(heard: Sequence[_Heard], keys: Sequence[str]) -> list[_Heard | None]:
    """For each new piece the old one that it is."""
    old = [piece.key for piece in heard]
    head = _common(old, keys)
    tail = _common(old[head:][::-1], keys[head:][::-1])
    result: list[_Heard | None] = [*heard[:head], *[None] * (len(keys) - head - tail), *heard[len(heard) - tail :]]
    old_middle, new_middle = old[head : len(old) - tail], keys[head : len(keys) - tail]
    if max(len(old_middle), len(new_middle)) <= _MOST_COMPARED:
        for a, b, size in SequenceMatcher(None, old_middle, new_middle).get_matching_blocks():
            result[head + b : head + b + size] = heard[head + a : head + a + size]
    return result


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many pieces both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(old), len(new)))


def _grouped(written: Sequence[str], same: Sequence[_Heard | None]) -> list[tuple[str, Word | None]]:
    """New words with the old word, or the share of one, that they are."""
    groups: list[tuple[str, Word | None]] = []
    at = 0
    while at < len(written):
        heard, taken = same[at], _whole_word(same, at)
        known = None if heard is None else heard.whole if taken else heard.word
        groups.append(("".join(written[at : at + max(taken, 1)]), known))
        at += max(taken, 1)
    return groups


def _whole_word(same: Sequence[_Heard | None], at: int) -> int:
    """How many pieces from `at` on are all of an old word; 0 where it is not there as a whole."""
    first = same[at]
    if first is None or first.part != 0:
        return 0
    wanted = [(first.number, part) for part in range(first.of)]
    found = [(piece.number, piece.part) for piece in same[at : at + first.of] if piece]
    return first.of if found == wanted else 0


def _timed(groups: Sequence[tuple[str, Word | None]], start: float, end: float) -> tuple[Word, ...]:
    result: list[Word] = []
    waiting: list[str] = []
    for text, known in groups:
        if known is None:
            waiting.append(text)
            continue
        result += _spread(waiting, result[-1].end if result else start, known.start)
        result.append(replace(known, text=text))
        waiting = []
    result += _spread(waiting, result[-1].end if result else start, end)
    return tuple(result)


def _spread(texts: Sequence[str], start: float, end: float) -> list[Word]:
    """Texts as words that share the time by letters; none where `end` is not after `start`."""
    letters = sum(len(text) for text in texts)
    length = max(end - start, 0.0)
    words: list[Word] = []
    done = 0
    for text in texts:
        since, done = done, done + len(text)
        since_s, until_s = (round(start + length * letter / letters, 3) for letter in (since, done))
        words.append(Word(text, since_s, until_s, TYPED))
    return words


def _cut_word(word: Word, at: int) -> tuple[Word, Word]:
    share = at / len(word.text) if word.text else 0.0
    moment = round(word.start + (word.end - word.start) * share, 3)
    before, after = replace(word, text=word.text[:at]), replace(word, text=word.text[at:])
    return (before if share == 1 else replace(before, end=moment)), (after if not at else replace(after, start=moment))
