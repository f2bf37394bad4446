"""What answers to webhooks mean: what is success, what is tried again and when, who is given up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.webhook_retries import Outcome, RetryPlan, Step, is_given_up

PLAN = RetryPlan()
DAY_S = 86_400.0


def answered(status: int | None, retry_after_s: float | None = None) -> Outcome:
    return Outcome(status, 0.1, retry_after_s=retry_after_s)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_only_2xx_is_success(status: int) -> None:
    assert PLAN.step(answered(status), 0, 0.0) == Step(delivered=True)


@pytest.mark.parametrize("status", [100, 300, 301, 302, 304, 307, 308, 400, 401, 404, 413, 500, 501])
def test_anything_else_is_tried_again_and_redirects_are_not_followed(status: int) -> None:
    assert PLAN.step(answered(status), 0, 0.0) == Step(wait_s=5)


def test_410_ends_the_endpoint() -> None:
    assert PLAN.step(answered(410), 0, 0.0) == Step(gone=True)


@pytest.mark.parametrize("status", [None, 429, 502, 503, 504])
def test_who_is_overloaded_or_away_gets_nothing_else_for_a_while(status: int | None) -> None:
    assert PLAN.step(answered(status), 0, 0.0) == Step(wait_s=5, pause_s=5)


def test_the_tries_spread_over_three_days() -> None:
    waits = [PLAN.step(answered(500), failures, 0.0).wait_s for failures in range(9)]

    assert waits == [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert PLAN.step(answered(500), 9, 0.0) == Step()


def test_retry_after_is_waited_for_within_a_limit() -> None:
    assert PLAN.step(answered(503, 120.0), 0, 0.0) == Step(wait_s=120, pause_s=120)
    assert PLAN.step(answered(503, 7_200.0), 0, 0.0) == Step(wait_s=7_200, pause_s=3_600)
    assert PLAN.step(answered(429, float("inf")), 0, 0.0) == Step(wait_s=DAY_S, pause_s=3_600)


@given(
    status=st.none() | st.integers(100, 599),
    failures=st.integers(0, 20),
    chance=st.floats(0, 1, exclude_max=True),
    asked=st.none() | st.floats(0, allow_infinity=True, allow_nan=False),
)
def test_every_outcome_has_one_end(status: int | None, failures: int, chance: float, asked: float | None) -> None:
    step = PLAN.step(answered(status, asked), failures, chance)

    assert step.delivered == (status is not None and 200 <= status < 300)
    assert step.gone == (status == 410)
    if step.wait_s is None:
        assert step.delivered or step.gone or failures >= len(PLAN.delays_s)
    else:
        planned = PLAN.delays_s[failures]
        assert planned <= step.wait_s <= max(planned * (1 + PLAN.jitter), PLAN.retry_after_max_s)
    assert 0 <= step.pause_s <= PLAN.pause_max_s


@pytest.mark.parametrize(
    ("step", "days", "given_up"),
    [
        (Step(), 5.0, True),
        (Step(), 4.9, False),
        (Step(wait_s=5), 50.0, False),
        (Step(delivered=True), 50.0, False),
    ],
)
def test_an_endpoint_is_given_up_when_tries_are_used_up_after_days_of_failures(
    step: Step, days: float, given_up: bool
) -> None:
    assert is_given_up(step, 1_000.0, 1_000.0 + days * DAY_S, 5.0) is given_up
