"""How many windows a worker is given: where it can let patient ones wait, neither kind takes the room of the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from care_voice.engine.protocol import DecodeWindow, Heartbeat, Ready
from care_voice.supervisor.engine_worker import EngineWorker
from care_voice.supervisor.worker import WorkerProcess


@dataclass
class Process:
    """What a worker's process is to its owner: it takes messages, and it is alive."""

    ready: Ready
    alive: bool = True
    heartbeat: Heartbeat | None = None
    sent: list[object] = field(default_factory=list)

    def post(self, message: object) -> None:
        self.sent.append(message)

    def kill(self, _cause: str) -> None:
        self.alive = False


def worker(*, preempts: bool) -> EngineWorker:
    ready = Ready(3, 1, "engine", "", multilingual=True, load_s=0.0, rss_bytes=0, capacity=2, preempts=preempts)
    return EngineWorker(cast("WorkerProcess", Process(ready)), 60.0)


def window(*, patient: bool) -> DecodeWindow:
    return DecodeWindow(0, "", bytes(320), 0.0, (), "en", (), "transcribe", None, (0.0,), 5, patient=patient)


@pytest.mark.parametrize("preempts", [True, False])
async def test_patient_windows_leave_room_where_others_go_before_them(*, preempts: bool) -> None:
    engine = worker(preempts=preempts)
    for number in range(2):
        assert engine.has_room(1.0, patient=True)
        engine.submit(number, window(patient=True))
    assert not engine.has_room(1.0, patient=True)
    assert engine.has_room(1.0, patient=False) is preempts
    engine.ended()


@pytest.mark.parametrize("preempts", [True, False])
async def test_steady_urgent_work_leaves_room_for_patient_windows_where_it_goes_before_them(*, preempts: bool) -> None:
    engine = worker(preempts=preempts)
    for number in range(2):
        engine.submit(number, window(patient=False))
    assert not engine.has_room(1.0, patient=False)
    assert engine.has_room(1.0, patient=True) is preempts
    engine.answered(0)
    assert engine.has_room(1.0, patient=True)
    engine.ended()


@pytest.mark.parametrize(
    ("preempts", "patient", "limit_s"), [(True, True, 540.0), (True, False, 60.0), (False, True, 60.0)]
)
async def test_a_window_that_others_go_before_has_longer_until_it_counts_as_a_hang(
    monkeypatch: pytest.MonkeyPatch, *, preempts: bool, patient: bool, limit_s: float
) -> None:
    engine, loop = worker(preempts=preempts), asyncio.get_running_loop()
    with monkeypatch.context() as still:
        still.setattr(loop, "time", lambda: 0.0)
        engine.submit(0, window(patient=patient))
    assert engine._windows[0].deadline.when() == limit_s
    engine.ended()


async def test_a_worker_whose_memory_ran_out_gets_no_more_than_it_wants_since() -> None:
    engine = worker(preempts=False)
    engine.process.heartbeat = Heartbeat(0, 0, 0, 0.0)
    engine.submit(0, window(patient=False))
    assert engine.has_room(30.0, patient=False), "a heartbeat before the first window says nothing of it"
    engine.process.heartbeat = Heartbeat(1, 1, 0, 0.0, halvings=1, capacity=2, capacity_s=15.0)
    assert not engine.has_room(30.0, patient=False)
    assert engine.has_room(14.0, patient=False)
    engine.process.heartbeat = Heartbeat(1, 1, 0, 0.0, halvings=2, capacity=1, capacity_s=15.0)
    assert not engine.has_room(1.0, patient=False)
    engine.ended()
