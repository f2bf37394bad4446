"""Beam search and sampling, against a made-up language model whose best answers are found by trying all of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from care_voice.engine.search import BeamSearch, Found, Sampling, Search, gumbel, sampled

END, WORDS = 0, 5


class Language:
    """Log-probabilities of the next token, drawn once for each text before it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def next(self, tokens: tuple[int, ...]) -> np.ndarray:
        logits = np.random.default_rng([self._seed, *tokens]).standard_normal(WORDS) * 2
        return np.asarray(logits - np.log(np.exp(logits).sum()), dtype=np.float32)


def run(search: Search, language: Language) -> list[Found]:
    """What the decoder does: a row for each text in hand."""
    texts: list[tuple[int, ...]] = [()]
    while texts:
        logprobs = np.stack([language.next(text) for text in texts])
        order = np.argsort(-logprobs, axis=1, kind="stable")[:, : search.candidates]
        moves = search.advance(order, np.take_along_axis(logprobs, order, 1))
        texts = [(*texts[row], token) for row, token in moves.rows]
    return search.found


def total(language: Language, tokens: tuple[int, ...], *, ended: bool) -> float:
    whole = (*tokens, END) if ended else tokens
    return sum(float(language.next(whole[:n])[token]) for n, token in enumerate(whole))


@given(st.integers(0, 10_000), st.integers(1, 4), st.integers(1, 6))
@settings(deadline=None)
def test_hypotheses_carry_their_own_probability(seed: int, beam_size: int, cap: int) -> None:
    language = Language(seed)
    for found in run(BeamSearch(beam_size, END, cap), language):
        ended = len(found.logprobs) == len(found.tokens) + 1
        assert len(found.tokens) <= cap
        assert END not in found.tokens
        assert ended or len(found.tokens) == cap
        assert math.isclose(found.total, total(language, found.tokens, ended=ended), abs_tol=1e-4)


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(deadline=None)
def test_a_beam_of_one_takes_the_most_probable_token_each_time(seed: int, cap: int) -> None:
    language = Language(seed)
    tokens: list[int] = []
    while len(tokens) < cap and (token := int(language.next(tuple(tokens)).argmax())) != END:
        tokens.append(token)
    assert [found.tokens for found in run(BeamSearch(1, END, cap), language)] == [tuple(tokens)]


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_a_beam_as_wide_as_the_language_finds_the_best_text(seed: int) -> None:
    language, cap = Language(seed), 2
    texts = [text for n in range(cap + 1) for text in itertools.product(range(1, WORDS), repeat=n)]
    best = max(total(language, text, ended=True) for text in texts)
    found = run(BeamSearch(WORDS**cap, END, cap), language)
    assert math.isclose(max(f.total for f in found if len(f.logprobs) > len(f.tokens)), best, abs_tol=1e-4)


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 6))
@settings(deadline=None)
def test_samples_carry_their_probability_at_temperature_1(seed: int, count: int, cap: int) -> None:
    language = Language(seed)
    found = run(Sampling(count, END, cap, WORDS, 0.7, np.random.default_rng(seed).random), language)
    assert len(found) == count
    for one in found:
        ended = len(one.logprobs) == len(one.tokens) + 1
        assert math.isclose(one.total, total(language, one.tokens, ended=ended), abs_tol=1e-4)


def test_tokens_are_drawn_as_often_as_they_are_probable() -> None:
    logits = np.log(np.array([[0.7, 0.2, 0.1]], dtype=np.float32)).repeat(20_000, axis=0)
    picks = sampled(logits, gumbel(np.random.default_rng(1).random(logits.shape)))
    assert np.allclose(np.bincount(picks) / len(picks), [0.7, 0.2, 0.1], atol=0.02)
