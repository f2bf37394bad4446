"""Dynamic time warping: the path is the cheapest, and token and frame never run backwards."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from care_voice.engine.warping import _median, attention, matrix_of, warp


def cheapest(cost: np.ndarray) -> float:
    """The textbook table, cell by cell."""
    table = np.full((cost.shape[0] + 1, cost.shape[1] + 1), np.inf)
    table[0, 0] = 0.0
    for n in range(cost.shape[0]):
        for m in range(cost.shape[1]):
            table[n + 1, m + 1] = cost[n, m] + min(table[n, m], table[n, m + 1], table[n + 1, m])
    return float(table[-1, -1])


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 20))
@settings(deadline=None)
def test_the_path_is_the_cheapest_and_never_runs_backwards(seed: int, tokens: int, frames: int) -> None:
    cost = np.random.default_rng(seed).standard_normal((tokens, frames))
    path = warp(cost)
    assert path[0] == (0, 0)
    assert path[-1] == (tokens - 1, frames - 1)
    assert all((c - a, d - b) in {(0, 1), (1, 0), (1, 1)} for (a, b), (c, d) in pairwise(path))
    assert np.isclose(sum(cost[n, m] for n, m in path), cheapest(cost))


def test_each_token_starts_where_its_attention_starts() -> None:
    size, frames_each = 16, 15
    words = np.random.default_rng(3).standard_normal((2, 4, size)).astype(np.float32)
    keys = words.repeat(frames_each, axis=1)
    first: dict[int, int] = {}
    for token, frame in warp(-matrix_of(attention(words * 3, keys))):
        first.setdefault(token, frame)
    assert [abs(first[n] - n * frames_each) <= 1 for n in range(4)] == [True] * 4


@given(st.integers(0, 10_000), st.integers(4, 30))
@settings(deadline=None)
def test_the_median_is_that_of_seven_frames(seed: int, frames: int) -> None:
    values = np.random.default_rng(seed).standard_normal((1, 2, frames))
    padded = np.pad(values, ((0, 0), (0, 0), (3, 3)), mode="reflect")
    expected = np.stack([np.median(padded[..., n : n + 7], axis=-1) for n in range(frames)], axis=-1)
    assert np.array_equal(_median(values), expected)
