"""Two batches over one decoder: what somebody waits for goes before what can wait, and both go on."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress

from care_voice.engine.backends.onnxrt.decoding import BatchDecoder, Job, Outcome
from care_voice.engine.backends.onnxrt.session import Array, Decoder, Encoder, Sound
from care_voice.engine.protocol import PATIENT_TURN

_PAUSE_S = 0.15
"""So long the patient lane stands still, at most, while an urgent window is encoded."""
_NICENESS = 10


class Heard:
    """A window's sound, which is encoded for the lane that needs it first."""

    def __init__(self, mel: Array) -> None:
        self._mel = mel
        self._sound: Future[Sound] | None = None

    def by(self, lane: Lane) -> Future[Sound]:
        """Its encoding, which the thread of `lane` begins where no thread has yet."""
        self._sound = self._sound or lane.encode(self._mel)
        return self._sound


class Lane:
    """Windows that are encoded by a thread of the lane, and then decoded together.

    Args:
        encoder, decoder: Graphs, which other lanes may use too.
        niceness: Added to that of the encoding thread.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder, niceness: int = 0) -> None:
        self.batch = BatchDecoder(decoder)
        self._encoder = encoder
        self._coming: dict[int, tuple[Future[Sound], Job]] = {}
        self._thread = ThreadPoolExecutor(1, "encoder", _yield_to_others, (niceness,))

    def encode(self, mel: Array) -> Future[Sound]:
        """Encode in the background, one window after the other."""
        return self._thread.submit(self._encoder.encode, mel)

    def add(self, key: int, sound: Future[Sound], job: Job) -> None:
        """Take a window in hand, which is decoded once it is encoded."""
        self._coming[key] = (sound, job)

    @property
    def coming(self) -> list[Future[Sound]]:
        """Sounds of windows that are not decoded yet."""
        return [sound for sound, _ in self._coming.values()]

    def admit(self) -> None:
        """Let the windows join that are encoded."""
        for key, (sound, job) in list(self._coming.items()):
            if sound.done():
                del self._coming[key]
                self.batch.add(key, sound.result(), job)


class Lanes:
    """An urgent window waits for one step of the others at most, and then leaves them one step in `PATIENT_TURN`.

    The patient lane keeps its rows meanwhile: nothing that was computed is lost.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self.urgent, self.patient = Lane(encoder, decoder), Lane(encoder, decoder, _NICENESS)
        self._turns = 0

    def step(self) -> list[tuple[int, Outcome]]:
        """Go on with all that is in hand, for about as long as a token takes; what is done now."""
        return [done for lane in self._next() for done in lane.batch.step()]

    def _next(self) -> list[Lane]:
        """The lanes that take a step now."""
        self._wait_for_sound()
        for lane in (self.urgent, self.patient):
            lane.admit()
        self._turns = self._turns + 1 if len(self.urgent.batch) else 0
        return [self.urgent] if self._turns % PATIENT_TURN else [self.urgent, self.patient]

    def _wait_for_sound(self) -> None:
        """Waits where there is nothing to decode, or nothing but what can wait."""
        urgent, patient = self.urgent, self.patient
        if len(urgent.batch):
            return
        if not len(patient.batch):
            # Without a limit, so that an encoder that hangs is seen from outside: no step is taken.
            _first_of([*urgent.coming, *patient.coming], None)
        else:
            _first_of(urgent.coming, _PAUSE_S)


def _first_of(sounds: list[Future[Sound]], limit_s: float | None) -> None:
    if sounds:
        wait(sounds, limit_s, FIRST_COMPLETED)


def _yield_to_others(niceness: int) -> None:
    """Lower the priority of this thread alone, where the system can: Linux counts threads as processes there."""
    if niceness:
        with suppress(OSError, AttributeError):
            ours = os.getpriority(os.PRIO_PROCESS, 0)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, ours + niceness))
