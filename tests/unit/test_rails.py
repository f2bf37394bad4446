"""Guard rails: which hypotheses are kept, and how long a window is padded."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.text import compression_ratio
from care_voice.engine.rails import (
    FULL_WINDOW_S,
    Hypothesis,
    RailSettings,
    Verdict,
    best,
    echoes,
    judge,
    repeats,
    window_samples,
)

SETTINGS = RailSettings()
GOOD = Hypothesis(
    token_ids=tuple(range(100, 110)),
    text=" The pressure is a little higher today.",
    avg_logprob=-0.2,
    no_speech_prob=0.01,
    temperature=0.0,
    full_window=True,
    capped=False,
)


def test_a_good_hypothesis_is_accepted() -> None:
    assert judge(GOOD, SETTINGS) is Verdict.ACCEPT
    assert judge(replace(GOOD, full_window=False), SETTINGS) is Verdict.ACCEPT


def test_a_guess_is_decoded_again_and_sooner_in_a_right_sized_window() -> None:
    unsure = replace(GOOD, avg_logprob=-0.8)

    assert judge(unsure, SETTINGS) is Verdict.ACCEPT
    assert judge(replace(unsure, full_window=False), SETTINGS) is Verdict.RETRY
    assert judge(replace(GOOD, avg_logprob=-1.01), SETTINGS) is Verdict.RETRY


def test_a_guess_where_nobody_speaks_is_dropped_only_after_the_full_window() -> None:
    noise = replace(GOOD, avg_logprob=-1.5, no_speech_prob=0.9)

    assert judge(noise, SETTINGS) is Verdict.NO_SPEECH
    assert judge(replace(noise, full_window=False), SETTINGS) is Verdict.RETRY


def test_confident_text_is_kept_even_where_the_model_thinks_nobody_speaks() -> None:
    assert judge(replace(GOOD, no_speech_prob=0.99), SETTINGS) is Verdict.ACCEPT


@pytest.mark.parametrize(
    "looping",
    [
        replace(GOOD, text="thank you " * 40),
        replace(GOOD, token_ids=(1, 2, 3) * 6),
        replace(GOOD, capped=True),
    ],
    ids=["compresses", "repeats", "ran out of tokens"],
)
def test_a_loop_is_decoded_again(looping: Hypothesis) -> None:
    assert judge(looping, SETTINGS) is Verdict.RETRY


def test_the_best_of_the_failed_is_sane_before_it_is_probable() -> None:
    loop = replace(GOOD, token_ids=(1, 2, 3, 4) * 9, avg_logprob=-0.1)
    capped = replace(GOOD, capped=True, avg_logprob=-0.05)
    guess, worse = replace(GOOD, avg_logprob=-1.2), replace(GOOD, avg_logprob=-1.9)

    assert best([loop, worse, guess, capped], SETTINGS) is guess
    assert best([loop, capped], SETTINGS) is capped


@pytest.mark.parametrize(
    ("tokens", "count"),
    [
        ((), 1),
        ((1, 2, 3, 4), 1),
        ((1, 2, 3) * 2, 2),
        ((9, 1, 2, 3, 1, 2, 3, 1, 2, 3, 8), 3),
        (tuple(range(24)) * 5, 5),
        ((7,) * 12, 4),
    ],
)
def test_repeats_counts_the_longest_run_of_a_phrase(tokens: tuple[int, ...], count: int) -> None:
    assert repeats(tokens) == count


@given(st.lists(st.integers(0, 50), min_size=3, max_size=24, unique=True), st.integers(1, 8))
def test_a_phrase_said_n_times_is_counted_n_times(phrase: list[int], times: int) -> None:
    assert repeats(phrase * times) == times


@given(st.text())
def test_the_compression_ratio_is_finite_and_zero_only_for_no_text(text: str) -> None:
    assert (compression_ratio(text) == 0.0) == (text == "")


def test_repeated_text_compresses_better_than_plain_text() -> None:
    assert (
        compression_ratio("天氣很好" * 30)
        > SETTINGS.max_compression_ratio
        > compression_ratio("今天的天氣很好，我們去走走")
    )


@given(st.integers(0, 40 * 16_000), st.floats(0, 5), st.floats(0.5, 30))
def test_a_window_is_padded_to_between_its_minimum_and_thirty_seconds(length: int, margin: float, least: float) -> None:
    size = window_samples(length, 16_000, margin, least)

    assert round(least * 16_000) <= size <= FULL_WINDOW_S * 16_000
    assert size >= min(length, FULL_WINDOW_S * 16_000)


def test_a_hypothesis_that_only_repeats_its_prompt_is_an_echo() -> None:
    prompt = "Blood pressure, Mrs Lin, physiotherapy on Tuesday."
    assert echoes(" physiotherapy  on Tuesday.", prompt)
    assert not echoes(" She has physiotherapy on Tuesday.", prompt)
    assert not echoes(" Mrs Lin", prompt), "a short name may well be all that was said"
    assert not echoes(" physiotherapy on Tuesday.", None)
