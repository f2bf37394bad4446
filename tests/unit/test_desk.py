"""A worker's desk: every request is answered once, whatever is cancelled meanwhile."""

from __future__ import annotations

import threading

import pytest

from care_voice.domain.errors import EmptyFile
from care_voice.engine.channel import ChannelClosed
from care_voice.engine.desk import Answer, Desk, Request
from care_voice.engine.protocol import (
    Cancel,
    DecodeWindow,
    Dropped,
    Failed,
    Heartbeat,
    MediaDone,
    OpenMedia,
    VadOptions,
)
from care_voice.engine.roles import serve_one_at_a_time


def window(number: int) -> DecodeWindow:
    return DecodeWindow(number, "test", b"", 0.0, (), "en", (), "transcribe", None, (0.0,), 1)


@pytest.fixture
def sent() -> list[Answer]:
    return []


@pytest.fixture
def desk(sent: list[Answer]) -> Desk:
    return Desk(sent.append)


def test_requests_are_taken_in_the_order_in_which_they_came(desk: Desk) -> None:
    for number in (3, 1, 2):
        desk.put(window(number))

    assert [desk.take().id, desk.take().id, desk.take().id] == [3, 1, 2]
    assert desk.take_now() is None


def test_a_window_that_was_not_begun_is_dropped_at_once(desk: Desk, sent: list[Answer]) -> None:
    desk.put(window(1))
    desk.put(window(2))
    desk.cancel(Cancel(1))

    assert sent == [Dropped(1)]
    assert desk.take().id == 2


def test_a_window_in_hand_is_marked_and_the_role_decides(desk: Desk, sent: list[Answer]) -> None:
    desk.put(window(1))
    desk.take()
    assert desk.given_up == []
    desk.cancel(Cancel(1))
    assert desk.given_up == [1]
    desk.drop(1)

    assert sent == [Dropped(1)]
    assert desk.given_up == []


def test_a_cancellation_that_comes_too_late_changes_nothing(desk: Desk, sent: list[Answer]) -> None:
    desk.put(window(1))
    desk.take()
    desk.fail(1, EmptyFile())
    desk.cancel(Cancel(1))

    assert sent == [Failed(1, "EmptyFile", {})]
    assert desk.given_up == []


def test_the_heartbeat_counts_what_is_not_answered_and_every_step(desk: Desk) -> None:
    assert desk.snapshot(7, 0.5) == Heartbeat(0, 0, 7, 0.5)
    desk.put(window(1))
    desk.put(window(2))
    desk.take()
    assert desk.snapshot(0, 0) == Heartbeat(2, 1, 0, 0)
    desk.step()
    desk.answer(Dropped(1))
    assert desk.snapshot(0, 0) == Heartbeat(1, 3, 0, 0)


def test_take_waits_for_what_comes_later(desk: Desk) -> None:
    taken: list[Request] = []
    thread = threading.Thread(target=lambda: taken.append(desk.take()))
    thread.start()
    desk.put(window(9))
    thread.join(10)

    assert [request.id for request in taken] == [9]


def test_a_request_that_fails_does_not_end_the_worker(desk: Desk, sent: list[Answer]) -> None:
    outcomes: dict[int, Exception | None] = {1: EmptyFile(), 2: RuntimeError("bug"), 3: None}
    for number in outcomes:
        desk.put(OpenMedia(number, "test", "", 1.0, VadOptions()))
    desk.put(OpenMedia(4, "test", "", 1.0, VadOptions()))

    def handle(request: Request):  # type: ignore[no-untyped-def]
        if request.id == 4:
            raise ChannelClosed
        error = outcomes[request.id]
        if error is not None:
            raise error
        yield MediaDone(request.id, 1.0)

    with pytest.raises(ChannelClosed):
        serve_one_at_a_time(desk, handle)
    assert sent == [Failed(1, "EmptyFile", {}), Failed(2, "WorkerFailed", {"why": "RuntimeError"}), MediaDone(3, 1.0)]
