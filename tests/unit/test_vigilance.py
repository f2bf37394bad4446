"""What the supervisor concludes: hangs, crash loops, workers due for renewal, room in memory."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.service_errors import NotEnoughMemory
from care_voice.engine.protocol import Heartbeat
from care_voice.supervisor.memory import MemoryGate
from care_voice.supervisor.vigilance import LEAST_CPU_SHARE, CrashHistory, CrashLooping, LivedTime, Renewal, StallWatch

LIMIT_S = 10.0
IDLE_LIMIT_S = 4.0


def heard(*beats: tuple[float, int, int]) -> StallWatch:
    """A watch that has heard (time, busy, steps)."""
    watch = StallWatch(LIMIT_S)
    for now, busy, steps in beats:
        watch.heard(Heartbeat(busy, steps, 0, 0.0), now)
    return watch


def computing(*cpu_s: float) -> StallWatch:
    """A watch that minds CPU time, and has heard once a second of a worker with work that makes no step."""
    watch = StallWatch(LIMIT_S, IDLE_LIMIT_S)
    for now, used in enumerate(cpu_s):
        watch.heard(Heartbeat(1, 5, 0, used), now)
    return watch


def test_a_counter_that_stands_still_while_there_is_work_is_a_hang() -> None:
    watch = heard((0, 1, 5), (5, 1, 5), (10, 3, 5))

    assert not watch.stalled(10.0)
    assert watch.stalled(10.1)


@pytest.mark.parametrize(
    "beats",
    [[], [(0, 0, 5), (9, 0, 5)], [(0, 1, 5), (9, 1, 6)], [(0, 0, 5), (9, 1, 5)]],
    ids=["nothing heard", "idle", "a step", "it was idle just now"],
)
def test_an_idle_worker_and_one_that_goes_on_do_not_hang(beats: list[tuple[float, int, int]]) -> None:
    assert not heard(*beats).stalled(11.0)


@given(st.lists(st.tuples(st.floats(0.1, 9), st.integers(0, 3)), max_size=40))
def test_a_worker_that_makes_a_step_within_the_limit_is_never_killed(beats: list[tuple[float, int]]) -> None:
    watch, now = StallWatch(LIMIT_S), 0.0
    for steps, (pause_s, busy) in enumerate(beats):
        now += pause_s
        assert not watch.stalled(now)
        watch.heard(Heartbeat(busy, steps, 0, 0.0), now)


def test_a_worker_that_uses_no_cpu_time_while_it_has_work_hangs() -> None:
    watch = computing(7.0, 7.001, 7.002, 7.003, 7.004)

    assert not watch.stalled(4.0)
    assert watch.stalled(4.1)


def test_a_worker_that_computes_may_go_without_a_step_up_to_the_longer_limit() -> None:
    watch = computing(*(0.02 * second for second in range(11)))

    assert not watch.stalled(10.0)
    assert watch.stalled(10.1)


def test_cpu_time_counts_from_the_moment_at_which_work_came() -> None:
    watch = StallWatch(LIMIT_S, IDLE_LIMIT_S)
    for now, busy in enumerate([0, 0, 0, 0, 0, 1, 1]):
        watch.heard(Heartbeat(busy, 5, 0, 7.0), now)

    assert not watch.stalled(9.0)
    assert watch.stalled(9.1)


@given(st.lists(st.floats(LEAST_CPU_SHARE, 4), min_size=1, max_size=9))
def test_a_worker_that_uses_more_than_the_least_share_is_not_killed_before_the_longer_limit(
    shares: list[float],
) -> None:
    watch = computing(0.0, *accumulate(share * 1.01 for share in shares))

    assert not watch.stalled(len(shares))


def test_of_a_gap_in_which_the_parent_did_not_live_little_counts() -> None:
    lived = LivedTime(100.0, 0.5)

    assert [lived.look(now) for now in (100.25, 100.5, 160.5, 160.75)] == [0.25, 0.5, 1.0, 1.25]


def test_a_few_ends_within_a_minute_are_a_loop() -> None:
    history = CrashHistory()
    history.ended("crashed", 0.0)
    history.ended("hang", 30.0)
    assert history.looping(30.0) is None
    history.ended("load_failed", 50.0)

    assert history.looping(50.0) == CrashLooping(3, "load_failed")
    assert history.looping(61.0) is None


@pytest.mark.parametrize(
    ("age_s", "loaded", "now", "reason"),
    [(99, 100, 299, None), (101, 100, 100, "age"), (50, 100, 301, "memory"), (50, 0, 10_000, None)],
)
def test_a_worker_is_due_by_age_or_by_growth(age_s: float, loaded: int, now: int, reason: str | None) -> None:
    assert Renewal(100.0, 3.0).due(age_s, loaded, now) == reason
    assert Renewal(0, 0).due(age_s, loaded, now) is None


def test_what_is_promised_to_workers_that_load_counts_as_taken() -> None:
    gate = MemoryGate(lambda: 1000)
    with gate.promised("a", 600):
        assert not gate.has_room(401)
        with pytest.raises(NotEnoughMemory) as caught, gate.promised("b", 500):
            pass
        assert caught.value.fields["name"] == "b"
    assert gate.has_room(1000)


def test_a_system_that_does_not_tell_its_memory_refuses_nothing() -> None:
    assert MemoryGate(lambda: None).has_room(10**15)
