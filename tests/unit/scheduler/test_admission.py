"""Who is let in, and what those are told who are not."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.scheduler.admission import Admission
from care_voice.scheduler.rate import RateMeter
from care_voice.scheduler.work import Priority

LIMITS = {Priority.LIVE: 100.0, Priority.INTERACTIVE: 100.0, Priority.BULK: 1000.0}
requests = st.lists(st.tuples(st.sampled_from(list(Priority)), st.floats(0.1, 5000)), max_size=50)


@given(requests)
def test_what_waits_is_bounded_by_the_limit_and_one_recording(wanted: list[tuple[Priority, float]]) -> None:
    admission = Admission(LIMITS)
    for priority, need_s in wanted:
        if admission.retry_after(priority, 10.0) is None:
            before = admission.ahead_s(priority)
            admission.enter(priority, need_s)
            assert before < LIMITS[priority]


@given(st.floats(1, 1e6))
def test_a_recording_of_any_length_is_let_in_when_nothing_waits(need_s: float) -> None:
    admission = Admission(LIMITS)

    assert admission.retry_after(Priority.BULK, 1.0) is None
    ticket = admission.enter(Priority.BULK, need_s)
    assert admission.retry_after(Priority.INTERACTIVE, 1.0) is None, "it does not keep short ones out"
    admission.leave(ticket)
    assert admission.ahead_s(Priority.BULK) == 0


def test_the_wait_is_what_the_measured_rate_makes_of_the_queue() -> None:
    admission = Admission(LIMITS)
    ticket = admission.enter(Priority.INTERACTIVE, 300.0)

    assert admission.retry_after(Priority.INTERACTIVE, 10.0) == 20
    assert admission.retry_after(Priority.INTERACTIVE, 50.0) == 4
    assert admission.retry_after(Priority.INTERACTIVE, 1e9) == 1
    assert admission.retry_after(Priority.BULK, 10.0) is None
    ticket.read(300.0, 150.0)
    assert admission.retry_after(Priority.INTERACTIVE, 10.0) == 5
    ticket.read(300.0, 201.0)
    assert admission.retry_after(Priority.INTERACTIVE, 10.0) is None


def test_a_file_that_is_longer_than_it_said_counts_for_what_it_is() -> None:
    admission = Admission(LIMITS)
    ticket = admission.enter(Priority.INTERACTIVE, 30.0)
    ticket.read(200.0, 20.0)

    assert admission.ahead_s(Priority.INTERACTIVE) == 180.0


def test_a_client_that_finds_every_place_taken_is_told_when_one_becomes_free() -> None:
    admission = Admission(LIMITS)
    assert admission.next_leaves_after(10.0) == 1
    for _ in range(4):
        admission.enter(Priority.INTERACTIVE, 100.0)

    assert admission.next_leaves_after(10.0) == 10


def test_the_rate_is_that_of_the_time_with_work() -> None:
    meter = RateMeter()
    now = 0.0
    for _ in range(50):
        now += 1000.0  # nothing to do
        meter.working(now)
        now += 2.0
        meter.done(30.0, now, more=False)

    assert meter.rate == pytest.approx(15.0, rel=0.1)


def test_the_rate_follows_what_the_engine_does_now() -> None:
    meter = RateMeter()
    meter.working(0.0)
    for second in range(1, 200):
        meter.done(20.0, float(second), more=True)
    for second in range(200, 600):
        meter.done(5.0, float(second), more=True)

    assert meter.rate == pytest.approx(5.0, rel=0.1)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 30)), max_size=60))
def test_the_rate_is_always_a_number_to_divide_by(work: list[tuple[float, float]]) -> None:
    meter, now = RateMeter(), 0.0
    for pause_s, audio_s in work:
        meter.working(now)
        now += pause_s
        meter.done(audio_s, now, more=False)

    assert 0 < meter.rate < math.inf
