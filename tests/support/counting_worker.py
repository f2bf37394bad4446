"""A worker that keeps count: the shipped one with a role of the tests around the real engine.

The file TEST_WORKER_COUNTS gets a line for each window that is begun and one for each that is computed, before the
parent hears of it: what is lost on the way is counted too. TEST_WORKER_PACE_S is how long each takes at least.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from care_voice.engine.desk import Answer, Desk, Request
from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.engine.roles import EngineRole, MediaRole, Role
from care_voice.engine.worker import main

COUNTS_VARIABLE = "TEST_WORKER_COUNTS"
PACE_VARIABLE = "TEST_WORKER_PACE_S"


@dataclass(frozen=True)
class Counts:
    """How often each window was begun and computed, by the job and the place in its recording."""

    begun: Counter[tuple[str, str]]
    computed: Counter[tuple[str, str]]

    def again(self) -> tuple[int, int]:
        """How many were begun, and how many computed, more than once."""
        return self.begun.total() - len(self.begun), self.computed.total() - len(self.computed)


def read_counts(file: Path, job_id: str) -> Counts:
    """What was counted for a job. A worker may be killed in the middle of a line; it is the last one then."""
    counts = Counts(Counter(), Counter())
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    for line in text.split("\n")[:-1]:
        what, job, place = line.split(" ")
        if job == job_id:
            (counts.begun if what == "begun" else counts.computed)[job, place] += 1
    return counts


class CountingRole(EngineRole):
    """The real engine and the loop that serves it."""

    def serve(self, desk: Desk) -> None:
        answer = desk.answer
        windows: dict[int, DecodeWindow] = {}
        self._windows = windows

        def counted(message: Answer) -> None:
            if isinstance(message, WindowDecoded):
                _count("computed", windows.pop(message.id))
            answer(message)

        desk.answer = counted  # type: ignore[method-assign]
        super().serve(desk)

    def _begin(self, desk: Desk, request: Request) -> None:
        assert isinstance(request, DecodeWindow)
        self._windows[request.id] = request
        _count("begun", request)
        time.sleep(float(os.environ.get(PACE_VARIABLE, "0")))
        super()._begin(desk, request)


def _count(what: str, window: DecodeWindow) -> None:
    line = f"{what} {window.request_id} {window.start_s:.3f}\n".encode()
    descriptor = os.open(os.environ[COUNTS_VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


ROLES: Mapping[str, type[Role]] = {"engine": CountingRole, "media": MediaRole}

if __name__ == "__main__":
    main(ROLES)
