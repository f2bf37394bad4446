"""What the window pipeline asks of an inference library; CTranslate2 and ONNX Runtime both answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from care_voice.domain.errors import CareVoiceError
from care_voice.engine.protocol import GpuShare

Mel = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Request:
    """Tokens to continue from the sound of one window.

    `prompt` begins with earlier text, if any; `start` is the index of the start-of-transcript token in it. `suppressed`
    tokens are never given, `blank` ones not as the first; all requests that are in hand together suppress the same.
    `cap` limits the tokens of the answer. `temperature` 0 is a beam search of `beam_size`; above 0, the best of
    `best_of` samples is given. `patient`: others may go before it.
    """

    encoded: Any
    prompt: tuple[int, ...]
    start: int
    end: int
    no_speech: int
    suppressed: tuple[int, ...]
    blank: tuple[int, ...]
    cap: int
    beam_size: int
    temperature: float
    best_of: int
    patient: bool = False


@dataclass(frozen=True, slots=True)
class Hear:
    """What language is spoken in the sound of one window? `Languages` are the result. `patient` as in `Request`."""

    encoded: Any
    patient: bool = False


Languages = list[tuple[str, float]]
"""Codes and probabilities, the most probable first."""


@dataclass(frozen=True, slots=True)
class Generated:
    """The best continuation. `avg_logprob` counts the end token; `memory` is what the runtime needs to align it."""

    tokens: tuple[int, ...]
    avg_logprob: float
    no_speech_prob: float
    memory: Any = None


@dataclass(frozen=True, slots=True)
class Alignment:
    """`path`: pairs (token, frame of 20 ms), both rising; the index after the last token stands for the end."""

    path: list[tuple[int, int]]
    token_probs: list[float]


class Runtime(Protocol):
    """One model. Not thread-safe."""

    @property
    def detail(self) -> str:
        """What runs the model, for people."""

    @property
    def device(self) -> str: ...

    @property
    def multilingual(self) -> bool: ...

    @property
    def mels(self) -> int:
        """Bands of the mel spectrogram."""

    @property
    def capacity(self) -> int:
        """How many windows are worth having in hand at a time; 1 where they are decoded one after the other."""

    @property
    def preempts(self) -> bool:
        """Whether windows that are not `patient` go before those that are in hand."""

    @property
    def capacity_s(self) -> float:
        """How many seconds of sound all of them together are worth having in hand; 0: any."""

    @property
    def counts_steps(self) -> bool:
        """Whether `step` takes about as long as a token, so that a counter of steps shows that it goes on."""

    @property
    def progress(self) -> int:
        """Rises whenever something was computed: a step that only waited leaves it as it was."""

    @property
    def compute_type(self) -> str:
        """The arithmetic of the model."""

    @property
    def gpu(self) -> GpuShare | None:
        """The GPU that it runs on, where it is known."""

    @property
    def halvings(self) -> int:
        """How often memory ran out and batches were made half as large."""

    def encode(self, mel: Mel) -> Any:
        """Encode (mels, frames), or note it for later; what it gives is for requests of the same runtime."""

    def add(self, key: int, request: Request | Hear) -> None:
        """Take a request in hand; `step` gives its result under `key`. Where it raises, nothing was taken."""

    def drop(self, key: int) -> bool:
        """Put a request out of hand, whose result nobody wants any more; whether it was in hand."""

    def step(self) -> list[tuple[int, Generated | Languages | CareVoiceError]]:
        """Go on with what is in hand, for about as long as a token or a batch takes; what is done now.

        An error in the place of a result is that of this request alone.
        """

    def align(self, request: Request, generated: Generated, /, tokens: list[int], frames: int) -> Alignment:
        """Where in the first `frames` of the mel spectrogram `tokens`, the text tokens of the result, were heard."""
