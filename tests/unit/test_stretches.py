"""Where the language changes within a window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.engine.stretches import likely_languages, main_language, stretches

ZH, EN = {"zh": 0.97, "en": 0.02, "ja": 0.01}, {"zh": 0.01, "en": 0.98, "cy": 0.01}
DOUBTFUL = {"zh": 0.3, "en": 0.4, "cy": 0.3}
SHARES = st.lists(st.dictionaries(st.sampled_from(["zh", "en", "ja"]), st.floats(0, 1), max_size=3), max_size=5)


def test_clear_spans_have_their_own_languages() -> None:
    assert likely_languages([ZH, EN, EN, ZH]) == ["zh", "en", "en", "zh"]


def test_a_doubtful_span_goes_with_its_neighbours() -> None:
    assert likely_languages([ZH, DOUBTFUL, ZH]) == ["zh", "zh", "zh"]
    assert likely_languages([DOUBTFUL, ZH]) == ["zh", "zh"]


def test_a_span_that_is_too_short_to_tell_goes_with_a_neighbour() -> None:
    assert likely_languages([{}, ZH, {}, ZH, EN, {}]) == ["zh", "zh", "zh", "zh", "en", "en"]


@given(SHARES)
def test_no_other_sequence_is_worth_more(shares: list[dict[str, float]]) -> None:
    spans = [*shares, ZH]
    languages = {language for share in spans for language in share}
    best = max(worth(sequence, spans) for sequence in product(languages, repeat=len(spans)))

    assert worth(likely_languages(spans), spans) == pytest.approx(best)


def worth(sequence: Sequence[str], spans: Sequence[dict[str, float]]) -> float:
    """Logarithm of the probability of a sequence, less the price of its changes."""
    told = [math.log(max(share.get(one, 0.0), 1e-4)) for one, share in zip(sequence, spans, strict=True) if share]
    return sum(told) - 2.0 * sum(left != right for left, right in pairwise(sequence))


def test_a_window_is_cut_in_the_pause_where_the_language_changes() -> None:
    first, second = stretches([(0.5, 4.0), (4.5, 8.0), (9.0, 12.0)], [ZH, ZH, EN], 12.5)

    assert (first.start_s, first.end_s, first.language) == (0.0, 8.5, "zh")
    assert first.speech == ((0.5, 4.0), (4.5, 8.0))
    assert (second.start_s, second.end_s, second.language) == (8.5, 12.5, "en")
    assert second.speech == ((0.5, 3.5),)
    assert (first.share, second.share) == pytest.approx((0.97, 0.98))


@given(st.lists(st.sampled_from([ZH, EN, DOUBTFUL]), min_size=1, max_size=8))
def test_stretches_cover_the_window_and_neighbours_differ(shares: list[dict[str, float]]) -> None:
    spans = [(2.0 * n, 2.0 * n + 1.5) for n in range(len(shares))]
    found = stretches(spans, shares, 2.0 * len(shares))

    assert (found[0].start_s, found[-1].end_s) == (0.0, 2.0 * len(shares))
    assert all(left.end_s == right.start_s and left.language != right.language for left, right in pairwise(found))
    assert [(start + part.start_s, end + part.start_s) for part in found for start, end in part.speech] == spans


def test_the_main_language_is_that_of_the_most_speech() -> None:
    spans = [(0.0, 3.0), (4.0, 8.0), (9.0, 11.0)]

    assert main_language(stretches(spans, [ZH, EN, ZH], 11.0)) == ("zh", 0.97)
