"""Word times from the cross-attention alignment of tokens to frames. Pure.

The method is Whisper's (dynamic time warping over the attention of alignment heads, computed by the backend); this
module turns its path into words and keeps them inside the speech that voice activity detection found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SECONDS_PER_FRAME = 0.02
MIN_PROBABILITY = 1e-10


@dataclass(frozen=True, slots=True)
class AlignedWord:
    """`start` and `end` in seconds from the start of the window; one log-probability for each token."""

    text: str
    token_ids: tuple[int, ...]
    start: float
    end: float
    logprobs: tuple[float, ...]

    @property
    def probability(self) -> float:
        """Mean probability of the word's tokens."""
        return sum(math.exp(p) for p in self.logprobs) / len(self.logprobs) if self.logprobs else 0.0


def align_words(
    words: Sequence[str],
    word_tokens: Sequence[Sequence[int]],
    path: Sequence[tuple[int, int]],
    token_probs: Sequence[float],
) -> list[AlignedWord]:
    """Give each word the frames that its tokens were aligned to.

    Args:
        words: Texts of the words.
        word_tokens: The token ids of each word; together they are the hypothesis.
        path: Pairs (token index, frame index), both rising; index len(tokens) stands for the end of the text.
        token_probs: Probability of each token.
    """
    first_frame: dict[int, int] = {}
    for token, time in path:
        first_frame.setdefault(token, time)
    last_frame = path[-1][1] if path else 0
    aligned = []
    position = 0
    for text, ids in zip(words, word_tokens, strict=True):
        following = position + len(ids)
        start = first_frame.get(position, last_frame)
        end = first_frame.get(following, last_frame)
        logprobs = tuple(math.log(max(p, MIN_PROBABILITY)) for p in token_probs[position:following])
        seconds = (start * SECONDS_PER_FRAME, max(start, end) * SECONDS_PER_FRAME)
        aligned.append(AlignedWord(text, tuple(ids), *seconds, logprobs))
        position = following
    return aligned


def snap_to_speech(words: Sequence[AlignedWord], speech: Sequence[tuple[float, float]]) -> list[AlignedWord]:
    """Pull words into the spans of speech: a word that starts or ends in a pause is moved to the speech it touches.

    Attention drifts into silence, above all for the first word after a pause and the last one before it. A word that
    touches no speech keeps its times: the detector may be the one that is wrong.
    """
    return _without_overlap([_snap(word, speech) for word in words])


def longest_skip_s(words: Sequence[AlignedWord], speech: Sequence[tuple[float, float]]) -> float:
    """Most seconds of speech that lie between the starts of neighbouring words, the ends of the window included.

    Decoding without timestamps sometimes leaves out a whole sentence; the alignment then stretches one word over it.
    """
    edges = [0.0, *(word.start for word in words), max((end for _, end in speech), default=0.0)]
    return max(_overlap_s(left, right, speech) for left, right in pairwise(edges))


def _overlap_s(start: float, end: float, speech: Sequence[tuple[float, float]]) -> float:
    return sum(max(0.0, min(end, right) - max(start, left)) for left, right in speech)


def _snap(word: AlignedWord, speech: Sequence[tuple[float, float]]) -> AlignedWord:
    touched = [(start, end) for start, end in speech if start < word.end and end > word.start]
    if not touched:
        return word
    start, end = max(touched, key=lambda span: min(span[1], word.end) - max(span[0], word.start))
    if len(touched) > 1:
        start, end = touched[0][0], touched[-1][1]
    return AlignedWord(word.text, word.token_ids, max(word.start, start), min(word.end, end), word.logprobs)


def _without_overlap(words: Sequence[AlignedWord]) -> list[AlignedWord]:
    """Times never run backwards, whatever snapping did."""
    ordered: list[AlignedWord] = []
    clock = 0.0
    for word in words:
        start = max(word.start, clock)
        end = max(word.end, start)
        ordered.append(AlignedWord(word.text, word.token_ids, start, end, word.logprobs))
        clock = start
    return ordered


_OPENING = "\"'“¿([{-「『《（"
_CLOSING = "\"'.。,，!！?？:：”)]}、」』》）…"


def join_bare_marks(words: Sequence[AlignedWord]) -> list[AlignedWord]:
    """Punctuation belongs to the word it stands with: a closing mark to the one before, an opening one to the next."""
    joined: list[AlignedWord] = []
    for word in words:
        bare = word.text.strip()
        before = joined[-1] if joined else None
        if before is not None and bare and all(c in _CLOSING for c in bare) and not word.text.startswith(" "):
            joined[-1] = _merged(before, word, start=before.start, end=before.end)
        elif before is not None and before.text.strip() and all(c in _OPENING for c in before.text.strip()):
            joined[-1] = _merged(before, word, start=word.start, end=word.end)
        else:
            joined.append(word)
    return joined


def _merged(left: AlignedWord, right: AlignedWord, *, start: float, end: float) -> AlignedWord:
    ids, logprobs = left.token_ids + right.token_ids, left.logprobs + right.logprobs
    return AlignedWord(left.text + right.text, ids, start, end, logprobs)
