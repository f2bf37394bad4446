"""Word times: from an alignment path, kept inside speech, never running backwards."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.engine.alignment import AlignedWord, align_words, longest_skip_s, snap_to_speech


def word(start: float, end: float, text: str = " w") -> AlignedWord:
    return AlignedWord(text, (1,), start, end, (-0.1,))


TIMES = st.lists(st.tuples(st.floats(0, 30), st.floats(0, 5)), max_size=20).map(
    lambda pairs: [word(start, start + length) for start, length in sorted(pairs)]
)
SPEECH = st.lists(st.floats(0, 30), max_size=12, unique=True).map(
    lambda edges: [pair for n, pair in enumerate(pairwise(sorted(edges))) if n % 2 == 0]
)


def test_a_word_gets_the_frames_of_its_tokens() -> None:
    path = [(0, 10), (0, 11), (1, 20), (2, 30), (2, 35), (3, 50)]
    aligned = align_words([" hello", " you"], [[5, 6], [7]], path, [0.5, 0.25, 1.0])

    assert [(w.text, w.token_ids) for w in aligned] == [(" hello", (5, 6)), (" you", (7,))]
    assert [(w.start, w.end) for w in aligned] == [pytest.approx((0.2, 0.6)), pytest.approx((0.6, 1.0))]
    assert aligned[0].logprobs == pytest.approx((math.log(0.5), math.log(0.25)))
    assert aligned[0].probability == pytest.approx(0.375)


def test_a_token_without_a_frame_of_its_own_gives_a_word_without_length() -> None:
    aligned = align_words([" a", " b"], [[1], [2]], [(0, 4), (1, 9)], [0.9, 0.0])

    assert (aligned[1].start, aligned[1].end) == pytest.approx((0.18, 0.18))
    assert all(math.isfinite(p) for w in aligned for p in w.logprobs)


def test_no_path_gives_times_of_zero() -> None:
    assert [(w.start, w.end) for w in align_words([" a"], [[1]], [], [0.5])] == [(0.0, 0.0)]


def test_a_word_that_drifted_into_a_pause_is_pulled_back() -> None:
    (late, early) = snap_to_speech([word(0.9, 3.0), word(3.2, 5.5)], [(1.0, 2.0), (4.0, 6.0)])

    assert (late.start, late.end) == (1.0, 2.0)
    assert (early.start, early.end) == (4.0, 5.5)


def test_a_word_over_two_spans_keeps_both() -> None:
    (only,) = snap_to_speech([word(0.0, 9.0)], [(1.0, 2.0), (2.5, 4.0)])

    assert (only.start, only.end) == (1.0, 4.0)


def test_a_word_that_touches_no_speech_keeps_its_times() -> None:
    (only,) = snap_to_speech([word(7.0, 8.0)], [(1.0, 2.0)])

    assert (only.start, only.end) == (7.0, 8.0)


@given(TIMES, SPEECH)
def test_snapping_keeps_every_word_and_times_never_run_backwards(
    words: list[AlignedWord], speech: list[tuple[float, float]]
) -> None:
    snapped = snap_to_speech(words, speech)

    assert [(w.text, w.token_ids, w.logprobs) for w in snapped] == [(w.text, w.token_ids, w.logprobs) for w in words]
    assert all(left.start <= right.start for left, right in pairwise(snapped))
    assert all(w.start <= w.end for w in snapped)


def test_speech_that_no_word_covers_is_measured() -> None:
    speech = [(0.0, 4.0), (5.0, 10.0)]

    assert longest_skip_s([word(0, 1), word(1, 2), word(9, 10)], speech) == pytest.approx(7.0)
    assert longest_skip_s([], speech) == pytest.approx(9.0)
    assert longest_skip_s([word(n, n + 1) for n in range(10)], speech) == pytest.approx(1.0)
    assert longest_skip_s([], []) == 0.0
