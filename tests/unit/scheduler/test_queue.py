"""The queue: urgent first, fair between clients, nobody starves, nothing that nobody waits for is given out."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from care_voice.scheduler.queue import Entry, WindowQueue
from care_voice.scheduler.work import Priority, Window

PATIENCE_S = 10.0
LONGEST_S = 30.0
lengths = st.floats(0.1, LONGEST_S)
windows = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(list(Priority)), lengths), max_size=60)


def filled(wanted: list[tuple[str, Priority, float]], now: float = 0.0) -> tuple[WindowQueue, list[Window]]:
    queue = WindowQueue(PATIENCE_S)
    made = [Window(number, *each) for number, each in enumerate(wanted)]
    for window in made:
        queue.push(window, now)
    return queue, made


def take(queue: WindowQueue, now: float = 0.0) -> Entry | None:
    for entry in queue.heads(now):
        queue.pop(entry, now)
        return entry
    return None


def take_all(queue: WindowQueue, now: float = 0.0) -> list[Window]:
    return [entry.window for entry in iter(lambda: take(queue, now), None)]


@given(windows)
def test_every_window_is_given_out_once(wanted: list[tuple[str, Priority, float]]) -> None:
    queue, made = filled(wanted)

    assert sorted(window.number for window in take_all(queue)) == [window.number for window in made]
    assert len(queue) == 0


@given(windows)
def test_the_urgent_go_first_and_the_order_within_one_client_is_kept(wanted: list[tuple[str, Priority, float]]) -> None:
    given_out = take_all(filled(wanted)[0])

    assert [window.priority for window in given_out] == sorted(window.priority for window in given_out)
    for _, own in itertools.groupby(sorted(given_out, key=_whose), key=_whose):
        numbers = [window.number for window in own]
        assert numbers == sorted(numbers)


def _whose(window: Window) -> tuple[str, Priority]:
    return window.client, window.priority


@given(st.lists(st.tuples(st.sampled_from("abc"), lengths), min_size=90, max_size=120))
def test_clients_that_all_have_work_waiting_get_equal_shares(wanted: list[tuple[str, float]]) -> None:
    """The bound of start-time fair queueing: never further apart than one longest window of each."""
    queue, made = filled([(client, Priority.BULK, length) for client, length in wanted])
    left, got = Counter(window.client for window in made), defaultdict[str, float](float)
    clients = set(left)
    while min(left[client] for client in clients):
        entry = take(queue)
        assert entry is not None
        got[entry.window.client] += entry.window.audio_s
        left[entry.window.client] -= 1
        assert max(got[c] for c in clients) - min(got[c] for c in clients) <= 2 * LONGEST_S


@given(lengths, st.integers(1, 300))
def test_a_short_request_beside_a_long_file_is_next(length: float, already: int) -> None:
    queue = WindowQueue(PATIENCE_S)
    for number in range(already):
        queue.push(Window(number, "long", Priority.INTERACTIVE, 29.0), 0.0)
    take(queue)
    queue.push(Window(10_000, "short", Priority.INTERACTIVE, length), 0.0)

    entry = take(queue)
    assert entry is not None
    assert entry.window.number == 10_000


@given(st.integers(1, 5), st.floats(0.05, 4))
def test_patient_work_gets_a_window_in_every_spell_of_patience(patient: int, each_takes_s: float) -> None:
    """However much urgent work comes: the queue is never without it here."""
    queue = WindowQueue(PATIENCE_S)
    numbers = itertools.count()
    now, served = 0.0, []
    for _ in range(patient):
        queue.push(Window(next(numbers), "bulk", Priority.BULK, 29.0), now)
    while len(served) < patient:
        queue.push(Window(next(numbers), "live", Priority.LIVE, 1.0), now)
        entry = take(queue, now)
        assert entry is not None
        if entry.priority is Priority.BULK:
            served.append(now)
        now += each_takes_s
        assert now < (patient + 1) * (PATIENCE_S + each_takes_s), "it starves"
    assert all(later - earlier >= PATIENCE_S for earlier, later in itertools.pairwise(served)), "urgent work is delayed"


@given(windows, st.data())
def test_what_was_withdrawn_or_is_late_is_never_given_out(
    wanted: list[tuple[str, Priority, float]], data: st.DataObject
) -> None:
    queue = WindowQueue(PATIENCE_S)
    made = [Window(n, *each, deadline=data.draw(st.sampled_from([5.0, 50.0]))) for n, each in enumerate(wanted)]
    for window in made:
        queue.push(window, 0.0)
    gone = {window.number for window in made if data.draw(st.booleans())}
    assert all(queue.withdraw(number) for number in gone)
    assert not any(queue.withdraw(number) for number in gone)

    given_out = {window.number for window in take_all(queue, now=9.0)}
    assert given_out == {window.number for window in made if window.number not in gone and window.deadline > 9.0}
    assert len(queue) == 0


@given(windows.filter(bool), st.data())
def test_a_window_that_comes_back_has_its_place_again(
    wanted: list[tuple[str, Priority, float]], data: st.DataObject
) -> None:
    expected = take_all(filled(wanted)[0])
    queue, _ = filled(wanted)
    held = [entry for _ in range(data.draw(st.integers(1, len(wanted)))) if (entry := take(queue)) is not None]
    for entry in data.draw(st.permutations(held)):
        queue.restore(entry, 0.0)

    assert take_all(queue) == expected


@given(st.integers(1, 2000))
def test_clients_that_are_gone_leave_nothing_behind(count: int) -> None:
    queue = WindowQueue(PATIENCE_S)
    for number in range(count):
        queue.push(Window(number, f"client-{number}", Priority.INTERACTIVE, 5.0), 0.0)
        take(queue)

    assert len(queue._classes[Priority.INTERACTIVE].clients) < 200
    assert queue.heads(0.0) == []
    assert not queue._classes[Priority.INTERACTIVE].heap
