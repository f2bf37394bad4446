"""How long the supervisor waits before it tries again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from care_voice.supervisor.backoff import Backoff


def test_the_first_try_is_at_once_and_the_wait_then_doubles_up_to_the_most() -> None:
    backoff = Backoff(0.5, 3.0)

    assert [backoff.next_s() for _ in range(6)] == [0.0, 0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_success_starts_it_afresh() -> None:
    backoff = Backoff(0.5, 3.0)
    for _ in range(4):
        backoff.next_s()
    backoff.reset()

    assert [backoff.next_s(), backoff.next_s()] == [0.0, 0.5]


@given(st.floats(0.01, 10), st.floats(10, 100), st.integers(1, 3000))
def test_it_never_shrinks_and_never_passes_the_most(first: float, most: float, failures: int) -> None:
    backoff = Backoff(first, most)
    waits = [backoff.next_s() for _ in range(failures)]

    assert waits == sorted(waits)
    assert waits[-1] <= most
