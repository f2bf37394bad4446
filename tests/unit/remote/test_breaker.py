"""The circuit breaker, with a clock that the tests move."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from care_voice.remote.breaker import Breaker, BreakerState
from care_voice.remote.settings import BreakerSettings

SETTINGS = BreakerSettings(failures=3, failure_ratio=0.5, least_requests=10, open_s=2.0, open_max_s=10.0)


def closed() -> Breaker:
    breaker = Breaker(SETTINGS)
    breaker.probed(0.0, ok=True)
    return breaker


def opened(now: float = 0.0) -> Breaker:
    breaker = closed()
    for _ in range(SETTINGS.failures):
        breaker.note(now, ok=False)
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_it_begins_without_trust_and_is_probed_at_once() -> None:
    breaker = Breaker(SETTINGS)

    assert (breaker.state, breaker.wait_s(0.0)) == (BreakerState.HALF_OPEN, 0.0)


def test_a_success_in_between_starts_the_count_afresh() -> None:
    breaker = closed()
    for ok in (False, False, True, False, False):
        breaker.note(0.0, ok=ok)
    assert breaker.state is BreakerState.CLOSED

    breaker.note(0.0, ok=False)
    assert breaker.state is BreakerState.OPEN


def test_a_share_of_failures_within_a_minute_opens_it() -> None:
    breaker = closed()
    for n in range(9):
        breaker.note(float(n), ok=n % 2 == 0)
    assert breaker.state is BreakerState.CLOSED

    breaker.note(9.0, ok=False)
    assert breaker.state is BreakerState.OPEN


def test_what_is_older_than_a_minute_does_not_count() -> None:
    breaker = closed()
    for n in range(9):
        breaker.note(float(n), ok=n % 2 == 0)

    breaker.note(70.0, ok=False)
    assert breaker.state is BreakerState.CLOSED


def test_the_wait_counts_from_the_opening_and_doubles_with_failed_probes() -> None:
    breaker = opened(100.0)
    assert (breaker.wait_s(100.5), breaker.wait_s(103.0)) == (1.5, 0.0)

    waits = []
    for _ in range(5):
        breaker.probe()
        assert breaker.state is BreakerState.HALF_OPEN
        breaker.probed(200.0, ok=False)
        waits.append(breaker.wait_s(200.0))
    assert waits == [2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_probe_that_succeeds_closes_it_and_forgets_the_past() -> None:
    breaker = opened()
    breaker.probe()
    breaker.probed(5.0, ok=True)
    breaker.note(5.0, ok=False)
    breaker.note(5.0, ok=False)

    assert breaker.state is BreakerState.CLOSED


@given(st.lists(st.booleans(), max_size=30))
def test_what_was_sent_before_it_opened_says_nothing(outcomes: list[bool]) -> None:
    breaker = opened()
    for ok in outcomes:
        breaker.note(1.0, ok=ok)

    assert (breaker.state, breaker.wait_s(1.0)) == (BreakerState.OPEN, 1.0)
