"""Which frame each token was heard at: dynamic time warping over the attention of Whisper's alignment heads.

The method is that of Whisper's `timing.py` (openai/whisper): attention normalised over the tokens, smoothed over the
frames by a median, averaged over the heads, and the cheapest path through it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]

MEDIAN_FRAMES = 7
_EXCHANGES = ((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4))


def attention(queries: Floats, keys: Floats) -> Floats:
    """(heads, tokens, size) scaled queries and (heads, frames, size) keys -> (heads, tokens, frames) of sum 1."""
    logits = queries @ keys.transpose(0, 2, 1)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return result


def matrix_of(weights: Floats) -> Floats:
    """(heads, tokens, frames) -> (tokens, frames): how strongly each token stands out at each frame."""
    spread = weights.std(axis=1, keepdims=True)
    normalised = (weights - weights.mean(axis=1, keepdims=True)) / np.maximum(spread, 1e-10)
    result: Floats = _median(normalised).mean(axis=0)
    return result


def _median(values: Floats) -> Floats:
    """Over 7 frames, reflected at the ends; shorter sounds stay as they are.

    Thirteen exchanges of whole arrays (the network of Devillard, 1998) take a tenth of the time of sorting each window.
    """
    reach, frames = MEDIAN_FRAMES // 2, values.shape[-1]
    if frames <= reach:
        return values
    padded = np.pad(values, ((0, 0), (0, 0), (reach, reach)), mode="reflect")
    shifted = [padded[..., n : n + frames] for n in range(MEDIAN_FRAMES)]
    for low, high in _EXCHANGES:
        shifted[low], shifted[high] = np.minimum(shifted[low], shifted[high]), np.maximum(shifted[low], shifted[high])
    return shifted[reach]


def warp(cost: Floats) -> list[tuple[int, int]]:
    """The cheapest path through (tokens, frames) from the first corner to the last: pairs (token, frame), rising.

    A row of the table follows from the one above it without a loop: what it costs to reach frame j is the sum of the
    row's costs up to j plus the least, over the frames k up to j at which the path may come down into the row, of what
    it cost to come less the sum before k.
    """
    tokens, frames = cost.shape
    above = np.full(frames + 1, np.inf)
    above[0] = 0.0
    came_down = np.zeros((tokens, frames), np.int64)
    for n in range(tokens):
        sums = np.cumsum(cost[n], dtype=np.float64)
        entry = np.minimum(above[:-1], above[1:]) - (sums - cost[n])
        best = np.minimum.accumulate(entry)
        came_down[n] = np.maximum.accumulate(np.where(entry <= best, np.arange(frames), 0))
        diagonal = above[:-1] <= above[1:]
        came_down[n] = came_down[n] * 2 + diagonal[came_down[n]]
        above = np.concatenate([[np.inf], sums + best])
    return _path(came_down)


def _path(came_down: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """`came_down[token, frame]`: twice the frame at which the path came down into this row, plus 1 if diagonally."""
    token, frame = came_down.shape[0] - 1, came_down.shape[1] - 1
    path: list[tuple[int, int]] = []
    while token >= 0:
        down, diagonal = divmod(int(came_down[token, frame]), 2)
        path.extend((token, at) for at in range(frame, down - 1, -1))
        frame = down - diagonal
        token -= 1
    return path[::-1]
