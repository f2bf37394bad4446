"""Spans add up like the sets of positions that they stand for."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from care_voice.models.intervals import Intervals, split

SIZE = 60
spans = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda span: (min(span), max(span)))


@given(st.lists(spans, max_size=12))
def test_what_was_added_is_there_and_nothing_else(added: list[tuple[int, int]]) -> None:
    intervals = Intervals(added)
    expected = {position for start, stop in added for position in range(start, stop)}
    missing = {position for start, stop in intervals.missing(SIZE) for position in range(start, stop)}
    assert intervals.covered == len(expected)
    assert missing == set(range(SIZE)) - expected


@given(st.lists(spans, max_size=12))
def test_spans_are_in_order_and_do_not_touch(added: list[tuple[int, int]]) -> None:
    found = list(Intervals(added))
    assert all(start < stop for start, stop in found)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(found))


@given(st.lists(spans, max_size=12), st.integers(1, 9), st.integers(1, 20))
def test_splitting_keeps_every_byte_once(added: list[tuple[int, int]], parts: int, least: int) -> None:
    missing = Intervals(added).missing(SIZE)
    pieces = split(missing, parts, least)
    positions = [position for start, stop in pieces for position in range(start, stop)]
    assert sorted(positions) == [position for start, stop in missing for position in range(start, stop)]
    assert len(pieces) <= max(parts, len(missing))
    assert all(stop - start >= least for start, stop in pieces if (start, stop) not in missing)


def test_a_large_gap_is_shared_among_the_connections() -> None:
    assert split([(0, 100)], 4, 10) == [(0, 25), (25, 50), (50, 75), (75, 100)]
    assert split([(0, 100)], 4, 60) == [(0, 100)]
    assert split([], 4, 1) == []
