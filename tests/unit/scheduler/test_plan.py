"""Which window goes where, and how the one that kills workers is found among those that were beside it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.scheduler.plan import Plan
from care_voice.scheduler.queue import WindowQueue
from care_voice.scheduler.suspicion import Suspicion, Verdict
from care_voice.scheduler.work import Priority, Window


@dataclass(eq=False)
class Worker:
    """A worker that takes what it is given; `preempts` as in `Ready`."""

    capacity: int
    capacity_s: float = 1e9
    preempts: bool = True
    windows: dict[int, Window] = field(default_factory=dict)

    @property
    def in_flight(self) -> int:
        return len(self.windows)

    @property
    def load_s(self) -> float:
        return sum(window.audio_s for window in self.windows.values())

    def has_room(self, audio_s: float, *, patient: bool) -> bool:
        busy = sum(window.patient == patient or not self.preempts for window in self.windows.values())
        return busy < self.capacity and (not self.windows or self.load_s + audio_s <= self.capacity_s)


def plan_of(count: int = 0, *, max_losses: int = 8, audio_s: float = 5.0) -> Plan[Worker]:
    plan: Plan[Worker] = Plan(WindowQueue(10.0), Suspicion(2, max_losses))
    for number in range(count):
        plan.add(Window(number, "client", Priority.INTERACTIVE, audio_s), 0.0)
    return plan


def hand_out(plan: Plan[Worker], workers: list[Worker], now: float = 0.0) -> list[int]:
    given_out = []
    while (each := plan.next(workers, now)) is not None:
        worker, window = each
        assert worker.has_room(window.audio_s, patient=window.patient)
        worker.windows[window.number] = window
        given_out.append(window.number)
    return given_out


def kill(plan: Plan[Worker], worker: Worker, *, blamed: bool = True) -> dict[int, Verdict]:
    worker.windows.clear()
    return plan.lost(worker, 0.0, blamed=blamed)


def test_the_worker_with_the_least_to_do_gets_the_next_window() -> None:
    plan, workers = plan_of(5), [Worker(4), Worker(4)]
    hand_out(plan, workers)

    assert [worker.in_flight for worker in workers] == [3, 2]


def test_no_worker_gets_more_than_it_asked_for() -> None:
    plan, workers = plan_of(9, audio_s=10.0), [Worker(2), Worker(8, capacity_s=30.0)]
    hand_out(plan, workers)

    assert [worker.in_flight for worker in workers] == [2, 3]
    assert plan.waiting == 4


def test_a_window_that_is_longer_than_a_worker_wants_is_computed_alone() -> None:
    plan, worker = plan_of(2, audio_s=100.0), Worker(8, capacity_s=30.0)

    assert hand_out(plan, [worker]) == [0]


def test_a_patient_window_that_has_its_turn_and_finds_no_room_keeps_no_urgent_one_out() -> None:
    plan, worker = plan_of(), Worker(2)
    for number in range(3):
        plan.add(Window(number, "long", Priority.BULK, 30.0), 0.0)
    assert hand_out(plan, [worker]) == [0, 1]
    plan.add(Window(3, "short", Priority.INTERACTIVE, 5.0), 11.0)

    assert hand_out(plan, [worker], 11.0) == [3], "the worker wants as many of each kind"
    del worker.windows[0]
    plan.done(0)
    assert hand_out(plan, [worker], 11.0) == [2]


def test_steady_urgent_work_lets_a_patient_window_in_where_a_worker_takes_both() -> None:
    plan, worker = plan_of(9), Worker(2)
    assert hand_out(plan, [worker]) == [0, 1]
    plan.add(Window(9, "long", Priority.BULK, 30.0), 0.0)

    assert hand_out(plan, [worker]) == [9]


@pytest.mark.parametrize(("first", "second"), [("urgent", "patient"), ("patient", "urgent")])
def test_a_window_that_is_too_long_for_the_room_that_is_left_is_not_overtaken_by_shorter_ones(
    first: str, second: str
) -> None:
    """With the patience at its end the patient one is asked first, else the urgent one."""
    plan, worker = plan_of(), Worker(8, capacity_s=40.0, preempts=False)
    classes = {"urgent": Priority.INTERACTIVE, "patient": Priority.BULK}
    plan.add(Window(0, "other", Priority.INTERACTIVE, 20.0), 0.0)
    assert hand_out(plan, [worker]) == [0]
    plan.add(Window(1, first, classes[first], 30.0), 0.0)
    plan.add(Window(2, second, classes[second], 5.0), 0.0)
    now = 11.0 if first == "patient" else 0.0

    assert hand_out(plan, [worker], now) == []
    del worker.windows[0]
    plan.done(0)
    assert hand_out(plan, [worker], now) == [1, 2]


def test_after_a_crash_each_of_its_windows_has_a_worker_to_itself() -> None:
    plan, worker = plan_of(6), Worker(4)
    assert hand_out(plan, [worker]) == [0, 1, 2, 3]
    assert set(kill(plan, worker).values()) == {Verdict.ALONE}

    fresh = Worker(4)
    for expected in range(4):
        assert hand_out(plan, [fresh]) == [expected]
        del fresh.windows[expected]
        plan.done(expected)
    assert hand_out(plan, [fresh]) == [4, 5]


def test_while_suspects_wait_for_an_empty_worker_the_others_go_on() -> None:
    plan, doomed, other = plan_of(9), Worker(2), Worker(3)
    hand_out(plan, [doomed, other])
    kill(plan, doomed)
    fresh = Worker(2)
    first_suspect = hand_out(plan, [other, fresh])
    assert len(first_suspect) == len(fresh.windows) == 1

    freed = next(iter(other.windows))
    del other.windows[freed]
    plan.done(freed)
    assert hand_out(plan, [other, fresh]) == [], "the other one is kept free for the second suspect"


@pytest.mark.parametrize("blamed", [True, False])
def test_nobody_waits_for_a_window_that_was_withdrawn_so_it_is_not_sent_again(blamed: bool) -> None:
    plan, worker = plan_of(2), Worker(2)
    hand_out(plan, [worker])
    assert plan.withdraw(0) is worker

    assert set(kill(plan, worker, blamed=blamed)) == {1}
    assert plan.withdraw(1) is None
    assert hand_out(plan, [Worker(2)]) == []


def test_what_was_taken_by_a_signal_from_outside_goes_on_in_company() -> None:
    plan, worker = plan_of(3), Worker(3)
    hand_out(plan, [worker])

    assert set(kill(plan, worker, blamed=False).values()) == {Verdict.AGAIN}
    assert hand_out(plan, [Worker(3)]) == [0, 1, 2]


def test_even_signals_from_outside_are_believed_only_so_often() -> None:
    plan = plan_of(2, max_losses=4)
    for _ in range(3):
        worker = Worker(2)
        assert len(hand_out(plan, [worker])) == 2
        verdicts = kill(plan, worker, blamed=False)
    assert set(verdicts.values()) == {Verdict.ALONE}, "the last chance, alone"
    worker = Worker(2)
    assert hand_out(plan, [worker]) == [0]
    assert kill(plan, worker, blamed=False) == {0: Verdict.QUARANTINE}
    assert plan.losses(0) == 4


@given(
    count=st.integers(1, 40),
    guilty=st.sets(st.integers(0, 39), max_size=4),
    capacities=st.lists(st.integers(1, 16), min_size=1, max_size=4),
    seed=st.integers(0, 2**32),
)
def test_the_guilty_are_put_aside_after_two_workers_and_the_innocent_are_all_answered(
    count: int, guilty: set[int], capacities: list[int], seed: int
) -> None:
    """Whatever the order in which workers answer and die."""
    guilty = {number for number in guilty if number < count}
    chance = random.Random(seed)
    plan, workers = plan_of(count), [Worker(capacity) for capacity in capacities]
    answered: list[int] = []
    quarantined: list[int] = []
    deaths = 0
    for _ in range(10 * count + 100):
        hand_out(plan, workers)
        busy = [worker for worker in workers if worker.windows]
        if not busy:
            break
        worker = chance.choice(busy)
        number = chance.choice(list(worker.windows))
        if number not in guilty:
            del worker.windows[number]
            answered.append(plan.done(number).number)
            continue
        deaths += 1
        alone = len(worker.windows) == 1
        verdicts = kill(plan, worker)
        aside = [n for n, verdict in verdicts.items() if verdict is Verdict.QUARANTINE]
        assert aside in ([], [number])
        assert not aside or alone
        quarantined += aside
        workers[workers.index(worker)] = Worker(worker.capacity)

    assert sorted(answered) == sorted(set(range(count)) - guilty)
    assert sorted(quarantined) == sorted(guilty)
    assert deaths <= 2 * len(guilty)
    assert plan.waiting == plan.computing == 0
