"""Which tokens to follow next: beam search and sampling over the most probable continuations. Pure, no model.

A search owns the rows of one window. The decoder gives it, for each row, the most probable next tokens; it answers with
the rows to go on with, each a row of before and the token that follows. No rows: it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Found:
    """One hypothesis: its tokens without the end token, and their log-probabilities with the end token's if it came."""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]

    @property
    def total(self) -> float:
        return sum(self.logprobs)

    @property
    def score(self) -> float:
        """Log-probability per token, by which hypotheses of different lengths compare."""
        return self.total / max(1, len(self.tokens))


@dataclass(frozen=True, slots=True)
class Moves:
    """`rows`: pairs (row of before, next token). `ended`: for each hypothesis that was just found, the row it ends."""

    rows: tuple[tuple[int, int], ...]
    ended: tuple[int, ...] = ()


class Search(Protocol):
    """Advances the rows of one window."""

    found: list[Found]

    @property
    def candidates(self) -> int:
        """How many of the most probable tokens of each row are needed."""

    def advance(self, ids: Ids, logprobs: Floats) -> Moves:
        """Take (rows, candidates) tokens and their log-probabilities, falling; at first those of the prompt alone."""


@dataclass(frozen=True, slots=True)
class _Node:
    """A token after those of its parent."""

    parent: _Node | None
    token: int
    logprob: float
    total: float
    length: int

    def follow(self, token: int, logprob: float) -> _Node:
        return _Node(self, token, logprob, self.total + logprob, self.length + 1)


_ROOT = _Node(None, -1, 0.0, 0.0, 0)


def _path(node: _Node) -> tuple[list[int], list[float]]:
    tokens, logprobs = [], []
    while node.parent is not None:
        tokens.append(node.token)
        logprobs.append(node.logprob)
        node = node.parent
    return tokens[::-1], logprobs[::-1]


@dataclass(slots=True)
class BeamSearch:
    """Keeps the `beam_size` most probable rows until as many hypotheses have ended; one row is greedy search.

    Args:
        beam_size: Rows to keep.
        end: The token that ends a hypothesis.
        cap: Most tokens of a hypothesis, without the end token.
    """

    beam_size: int
    end: int
    cap: int
    found: list[Found] = field(default_factory=list)
    _rows: list[_Node] = field(default_factory=lambda: [_ROOT])

    @property
    def candidates(self) -> int:
        return 2 * self.beam_size

    def advance(self, ids: Ids, logprobs: Floats) -> Moves:
        """The best `beam_size` continuations; one that ends makes room for the best that does not."""
        children: list[tuple[int, int]] = []
        nodes: list[_Node] = []
        ended: list[int] = []
        for rank, (row, token, logprob) in enumerate(self._ranked(ids, logprobs)):
            node = self._rows[row].follow(token, logprob)
            if token == self.end or node.length > self.cap:
                if rank < self.beam_size:
                    ended.append(row)
                    self._end(node)
            elif len(children) < self.beam_size:
                children.append((row, token))
                nodes.append(node)
        self._rows = nodes
        if len(self.found) >= self.beam_size:
            return Moves((), tuple(ended))
        return Moves(tuple(children), tuple(ended))

    def _ranked(self, ids: Ids, logprobs: Floats) -> list[tuple[int, int, float]]:
        totals = np.array([row.total for row in self._rows])[:, np.newaxis] + logprobs
        order = np.argsort(-totals, axis=None, kind="stable")[: self.candidates]
        width = ids.shape[1]
        flat_ids, flat_logprobs = ids.ravel(), logprobs.ravel()
        return [(n // width, int(flat_ids[n]), float(flat_logprobs[n])) for n in order.tolist()]

    def _end(self, node: _Node) -> None:
        """A hypothesis that has no room for another token ends as it is, without an end token."""
        tokens, logprobs = _path(node)
        if tokens[-1] == self.end:
            tokens.pop()
        else:
            tokens.pop()
            logprobs.pop()
        self.found.append(Found(tuple(tokens), tuple(logprobs)))


@dataclass(slots=True)
class Sampling:
    """Draws `count` hypotheses token by token.

    Args:
        count: Hypotheses to draw.
        end: The token that ends a hypothesis.
        cap: Most tokens of a hypothesis, without the end token.
        width: Size of the vocabulary, all of which the rows are given.
        temperature: Flattens (above 1) or sharpens the distribution.
        draw: Uniform numbers in [0, 1), of the shape that is asked for.
    """

    count: int
    end: int
    cap: int
    width: int
    temperature: float
    draw: Callable[[tuple[int, ...]], npt.NDArray[np.float64]]
    found: list[Found] = field(default_factory=list)
    _rows: list[_Node] = field(default_factory=lambda: [_ROOT])

    @property
    def candidates(self) -> int:
        return self.width

    def advance(self, ids: Ids, logprobs: Floats) -> Moves:
        if self._rows == [_ROOT]:
            self._rows = [_ROOT] * self.count
            ids, logprobs = np.repeat(ids, self.count, 0), np.repeat(logprobs, self.count, 0)
            parents = [0] * self.count
        else:
            parents = list(range(len(self._rows)))
        # Noise goes with the token, not with its rank: rounding may swap two ranks, and must not change the draw.
        noise = gumbel(self.draw((len(ids), self.width)))
        picks = sampled(logprobs / self.temperature, np.take_along_axis(noise, ids, 1))
        return self._follow(parents, ids, logprobs, picks)

    def _follow(self, parents: Sequence[int], ids: Ids, logprobs: Floats, picks: Ids) -> Moves:
        children: list[tuple[int, int]] = []
        nodes: list[_Node] = []
        ended: list[int] = []
        for n, pick in enumerate(picks.tolist()):
            token = int(ids[n, pick])
            node = self._rows[n].follow(token, float(logprobs[n, pick]))
            if token == self.end or node.length > self.cap:
                ended.append(parents[n])
                tokens, probabilities = _path(node)
                kept = probabilities if token == self.end else probabilities[:-1]
                self.found.append(Found(tuple(tokens[:-1]), tuple(kept)))
            else:
                children.append((parents[n], token))
                nodes.append(node)
        self._rows = nodes
        return Moves(tuple(children), tuple(ended))


def gumbel(uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Noise of the Gumbel distribution from uniform numbers in [0, 1)."""
    return -np.log(-np.log(np.maximum(uniform, 1e-300)))


def sampled(logits: Floats, noise: npt.NDArray[np.float64]) -> Ids:
    """One column of each row, drawn with the probabilities that its logits give (the Gumbel trick)."""
    picks: npt.NDArray[Any] = np.argmax(logits + noise, axis=1)
    return picks.astype(np.int64)
