"""A worker that breaks when it is told to: the shipped one with a role of the tests around the real engine.

The directory TEST_WORKER_FAULTS holds files named after what shall happen. Whichever worker begins a window next takes
one of them and breaks, but no window is hit twice: the faults are the machine's here, not the window's. A window whose
prompt is `guilty` breaks every worker that has it, at once, whatever else that worker has. So does a file that begins
with `POISON` every media worker that is told to read it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from care_voice.engine.desk import Answer, Desk, Request
from care_voice.engine.protocol import DecodeWindow, DeriveMedia, OpenMedia, Ready, ToWorker
from care_voice.engine.roles import EngineRole, MediaRole, Role
from care_voice.engine.worker import main
from support.server import CAPACITY_VARIABLE, FAULTS_VARIABLE

GUILTY = "guilty"
POISON = b"POISON"

FAULTS: Mapping[str, Callable[[], object]] = {
    "crash": os.abort,
    "hang": lambda: ctypes.CDLL(None).pause(),
    "hang-with-the-interpreter": lambda: ctypes.PyDLL(None).pause(),
}


class FaultyRole(EngineRole):
    """The real engine and the loop that serves it, which breaks where it begins a window; it may want several."""

    def load(self, message: ToWorker) -> Ready:
        ready = super().load(message)
        self._capacity = int(os.environ.get(CAPACITY_VARIABLE, "1"))
        return msgspec.structs.replace(ready, capacity=self._capacity)

    def _tell_limits(self, desk: Desk) -> None:
        desk.capacity = self._capacity

    def _begin(self, desk: Desk, request: Request) -> None:
        if isinstance(request, DecodeWindow) and request.prompt == GUILTY:
            FAULTS["crash"]()
        break_if_told(request)
        super()._begin(desk, request)


def break_if_told(request: Request) -> None:
    """Take one of the faults that wait, and commit it."""
    directory = Path(os.environ[FAULTS_VARIABLE])
    assert isinstance(request, DecodeWindow)
    mark = directory / f"hit-{request.request_id}-{hashlib.sha256(request.pcm).hexdigest()[:16]}"
    for name, fault in FAULTS.items():
        if not mark.exists():
            with suppress(FileNotFoundError):
                (directory / name).unlink()
                mark.touch()
                fault()


class PoisonableRole(MediaRole):
    """The real reader of files, which some of them break."""

    def handle(self, message: Request) -> Iterator[Answer]:
        assert isinstance(message, OpenMedia | DeriveMedia)
        if Path(message.path).read_bytes().startswith(POISON):
            FAULTS["crash"]()
        return super().handle(message)


ROLES: Mapping[str, type[Role]] = {"engine": FaultyRole, "media": PoisonableRole}

if __name__ == "__main__":
    main(ROLES)
