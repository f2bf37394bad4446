"""Which windows are computed together, and how the limit shrinks where memory runs out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.engine.backends.batches import Batches, BatchLimit, Entry, is_out_of_memory


def batches(windows: int, *entries: tuple[str, float]) -> Batches[str]:
    made: Batches[str] = Batches(BatchLimit(windows))
    for key, (likeness, seconds) in enumerate(entries):
        made.add(Entry(key, f"window {key}", likeness, seconds))
    return made


def all_keys(taken: Batches[str]) -> list[list[int]]:
    found = []
    while batch := taken.take():
        found.append([entry.key for entry in batch])
    return found


def test_like_windows_go_together_and_the_oldest_first() -> None:
    waiting = batches(2, ("a", 15.0), ("b", 15.0), ("a", 15.0), ("b", 15.0), ("a", 15.0))
    assert all_keys(waiting) == [[0, 2, 4], [1, 3]]


def test_the_budget_is_counted_in_seconds() -> None:
    assert all_keys(batches(2, *[("a", 30.0)] * 5)) == [[0, 1], [2, 3], [4]]
    assert all_keys(batches(2, *[("a", 15.0)] * 5)) == [[0, 1, 2, 3], [4]]
    assert all_keys(batches(2, *[("a", 2.0)] * 5)) == [[0, 1, 2, 3], [4]]


def test_a_window_that_is_dropped_goes_with_no_batch() -> None:
    waiting = batches(2, ("a", 15.0), ("a", 15.0), ("b", 15.0))
    assert [waiting.drop(key) for key in (1, 1, 5)] == [True, False, False]
    assert all_keys(waiting) == [[0], [2]]


def test_one_window_at_a_time_is_one_however_short() -> None:
    assert all_keys(batches(1, *[("a", 2.0)] * 3)) == [[0], [1], [2]]


@given(st.integers(1, 8), st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([15.0, 20.0, 30.0]))))
def test_every_window_goes_once_in_order_and_within_the_limit(windows: int, entries: list[tuple[str, float]]) -> None:
    found = all_keys(batches(windows, *entries))
    assert sorted(key for batch in found for key in batch) == list(range(len(entries)))
    assert [batch[0] for batch in found] == sorted(batch[0] for batch in found)
    limit = BatchLimit(windows)
    for batch in found:
        assert limit.has_room(len(batch), sum(entries[key][1] for key in batch))
        assert len({entries[key][0] for key in batch}) == 1


def test_memory_that_runs_out_halves_the_limit_for_good_and_down_to_one() -> None:
    limit = BatchLimit(8)
    limit.halve(6, 90.0)
    assert (limit.windows, limit.seconds, limit.halvings) == (3, 45.0, 1)
    limit.halve(3, 45.0)
    assert (limit.windows, limit.seconds, limit.halvings) == (1, 22.5, 2)
    assert not limit.has_room(2, 2.0)
    assert limit.has_room(1, 30.0), "one window alone may always be tried"


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (RuntimeError("CUDA failed with error out of memory"), True),
        (RuntimeError("cuBLAS failed with status CUBLAS_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("aligned_alloc: failed to allocate memory"), True),
        (MemoryError("std::bad_alloc"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA failed with error an illegal memory access was encountered"), False),
        (ValueError("token out of range"), False),
    ],
)
def test_memory_that_ran_out_is_told_from_other_faults(error: Exception, memory: bool) -> None:
    assert is_out_of_memory(error) is memory
