"""How many windows a worker is given: patient ones do not take the room of the others where it can let them wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from care_voice.engine.protocol import DecodeWindow, Ready
from care_voice.supervisor.engine_worker import EngineWorker
from care_voice.supervisor.worker import WorkerProcess


@dataclass
class Process:
    """What a worker's process is to its owner: it takes messages, and it is alive."""

    ready: Ready
    alive: bool = True
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


async def test_the_others_fill_a_worker_for_patient_ones_too() -> None:
    engine = worker(preempts=True)
    for number in range(2):
        engine.submit(number, window(patient=False))
    assert not engine.has_room(1.0, patient=False)
    assert not engine.has_room(1.0, patient=True)
    engine.answered(0)
    assert engine.has_room(1.0, patient=True)
    engine.ended()
