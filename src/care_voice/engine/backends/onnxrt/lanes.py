"""Two batches over one decoder: what somebody waits for goes before what can wait, and both go on."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait

from care_voice.domain.service_errors import WorkerFailed
from care_voice.engine.backends.onnxrt.decoding import BatchDecoder, Job, Outcome, Probe
from care_voice.engine.backends.onnxrt.encoding import EncoderThread
from care_voice.engine.backends.onnxrt.session import Array, Decoder, Encoder, Sound
from care_voice.engine.protocol import PATIENT_TURN
from care_voice.telemetry.deferred import DeferredLogger

_PAUSE_S = 0.15
"""So long the patient lane waits before each of its steps, at most, while an urgent window is encoded."""
_SLICE_S = 0.02
"""So long a step waits for a sound at most: then whoever asks for steps can let in what has come meanwhile."""
_HUNG_S = 20.0
"""An encoding that has been running for longer does not end any more: it takes a second or two."""
_NICENESS = 10

Answer = Outcome | Array | WorkerFailed
"""The outcome of a `Job`, the log-probabilities of a `Probe`, or why neither came."""

log = DeferredLogger(__name__)


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
        self._coming: dict[int, tuple[Future[Sound], Job | Probe]] = {}
        self._thread = EncoderThread(encoder, niceness)

    def encode(self, mel: Array) -> Future[Sound]:
        """Encode in the background, one window after the other."""
        return self._thread.encode(mel)

    def add(self, key: int, sound: Future[Sound], job: Job | Probe) -> None:
        """Take a window in hand, which is decoded or probed once it is encoded."""
        self._coming[key] = (sound, job)

    def drop(self, key: int) -> bool:
        """Put a window out of hand; whether it was in hand. It is not encoded where that has not begun."""
        if key not in self._coming:
            return self.batch.drop(key)
        sound, _ = self._coming.pop(key)
        sound.cancel()
        return True

    @property
    def coming(self) -> list[Future[Sound]]:
        """Sounds of windows that are not decoded yet."""
        return [sound for sound, _ in self._coming.values()]

    @property
    def hangs(self) -> bool:
        """Whether windows wait for an encoding that does not end."""
        return self._thread.running_s > _HUNG_S and not all(sound.done() for sound in self.coming)

    def admit(self) -> list[tuple[int, Answer]]:
        """Let the windows join that are encoded; what is known at once of some. The others go on where one fails."""
        answers: list[tuple[int, Answer]] = []
        for key, (sound, job) in list(self._coming.items()):
            if sound.done():
                del self._coming[key]
                try:
                    if isinstance(job, Probe):
                        answers.append((key, self.batch.probe(sound.result(), job)))
                    else:
                        self.batch.add(key, sound.result(), job)
                except Exception as error:
                    log.exception("window_not_begun")
                    answers.append((key, WorkerFailed(why=type(error).__name__)))
        return answers


class Lanes:
    """While the urgent lane has windows to decode, it takes each step, and the patient one every `PATIENT_TURN`th too.

    Until an urgent window is encoded, the patient lane goes on by itself, and pauses before each step. It keeps its
    rows in any case: nothing that was computed is lost.
    """

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        self.urgent, self.patient = Lane(encoder, decoder), Lane(encoder, decoder, _NICENESS)
        self.progress = 0
        """Rises with each token, with each window that is encoded, and with each answer."""
        self._turns = 0

    def drop(self, key: int) -> bool:
        """Put a window out of hand; whether it was in hand."""
        return self.urgent.drop(key) or self.patient.drop(key)

    def step(self) -> list[tuple[int, Answer]]:
        """Go on with what is in hand, for as long as a token and the prompts of new windows take; what is done now.

        Waits for a moment where nothing can be done before a sound is encoded. While an encoding hangs, nothing is
        done at all: only a worker that stands still is seen from outside to need another one in its place.
        """
        if self._hangs():
            return []
        self._wait_for_sound()
        answers = self._admit()
        for lane in self._next():
            self.progress += len(lane.batch) > 0
            answers += lane.batch.step()
        return answers

    def _admit(self) -> list[tuple[int, Answer]]:
        answers: list[tuple[int, Answer]] = []
        for lane in (self.urgent, self.patient):
            waited = len(lane.coming)
            answers += lane.admit()
            self.progress += waited - len(lane.coming)
        return answers

    def _next(self) -> list[Lane]:
        """The lanes that take a step now."""
        self._turns = self._turns + 1 if len(self.urgent.batch) else 0
        return [self.urgent] if self._turns % PATIENT_TURN else [self.urgent, self.patient]

    def _hangs(self) -> bool:
        hung = [lane for lane in (self.urgent, self.patient) if lane.hangs]
        for lane in hung:
            _first_of(lane.coming, _SLICE_S)
        return any(lane.hangs for lane in hung)

    def _wait_for_sound(self) -> None:
        """Waits where there is nothing to decode, or nothing but what can wait."""
        urgent, patient = self.urgent, self.patient
        if len(urgent.batch):
            return
        if not len(patient.batch):
            _first_of([*urgent.coming, *patient.coming], _SLICE_S)
        else:
            _first_of(urgent.coming, _PAUSE_S)


def _first_of(sounds: list[Future[Sound]], limit_s: float) -> None:
    if sounds:
        wait(sounds, limit_s, FIRST_COMPLETED)
