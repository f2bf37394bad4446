"""The engine worker's work: a `DecodeWindow` in, a `WindowDecoded` out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from care_voice.engine.alignment import AlignedWord
from care_voice.engine.backends.runtime import Runtime
from care_voice.engine.backends.whisper import Decoded, DecodeOptions, Finished, Samples, load_backend
from care_voice.engine.protocol import (
    SAMPLE_RATE,
    DecodeWindow,
    LoadEngine,
    WindowDecoded,
    WirePart,
    WireToken,
    WireWord,
)
from care_voice.engine.stretches import Stretch, main_language

_PCM_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class WindowFailed:
    """A window that came to nothing, and why; it is no longer in hand, and the others go on."""

    request: DecodeWindow
    error: Exception


@dataclass(frozen=True, slots=True)
class _Begun:
    message: DecodeWindow
    language: str
    language_probability: float
    since: float


class WindowDecoder:
    """Translates between the wire and the backend; windows join between two steps and leave when they are done."""

    def __init__(self, load: LoadEngine) -> None:
        self._backend = load_backend(
            Path(load.model_dir), load.device, load.compute_type, load.threads, batch=load.batch, gpu=load.gpu
        )
        self._begun: dict[int, _Begun] = {}

    @property
    def runtime(self) -> Runtime:
        """What runs the model."""
        return self._backend.runtime

    def __len__(self) -> int:
        """Windows in hand."""
        return len(self._begun)

    def begin(self, message: DecodeWindow) -> None:
        """Take a window in hand; detects the language where none is given.

        Raises:
            InvalidParameter: The model cannot do what is asked.
        """
        since = time.monotonic()
        samples = np.frombuffer(message.pcm, dtype="<i2").astype(np.float32) / _PCM_SCALE
        parts = self._stretches(message, samples)
        language, probability = main_language(parts)
        self._backend.open_stretches(message.id, samples, parts, _options(message, language))
        self._begun[message.id] = _Begun(message, language, probability, since)

    def _stretches(self, message: DecodeWindow, samples: Samples) -> list[Stretch]:
        """The whole window, unless its language is to be detected and may change."""
        language, probability = message.language, 1.0
        if language is None:
            if message.language_changes:
                return self._backend.language_stretches(samples, message.speech, message.languages)
            language, probability = self._backend.detect_language(samples, message.languages)
        return [Stretch(0.0, len(samples) / SAMPLE_RATE, message.speech, language, probability)]

    def step(self) -> list[WindowDecoded | WindowFailed]:
        """Go on with all windows in hand, for about as long as a token takes; the answers that are ready now."""
        return [self._result(self._begun.pop(finished.key), finished) for finished in self._backend.step()]

    def drop(self, key: int) -> bool:
        """Let go of a window where the runtime can; whether it is out of hand."""
        return key not in self._begun

    def decode(self, message: DecodeWindow) -> WindowDecoded:
        """Decode one window alone, while no other is in hand. Raises as `begin` does, and what went wrong later."""
        self.begin(message)
        while not (answers := self.step()):
            pass
        if isinstance(answers[0], WindowFailed):
            raise answers[0].error
        return answers[0]

    def _result(self, begun: _Begun, finished: Finished) -> WindowDecoded | WindowFailed:
        if finished.error is not None:
            return WindowFailed(begun.message, finished.error)
        return self._answer(begun, finished.parts)

    def _answer(self, begun: _Begun, parts: Sequence[Decoded]) -> WindowDecoded:
        return WindowDecoded(
            id=begun.message.id,
            language=begun.language,
            language_probability=begun.language_probability,
            parts=tuple(self._wire(part, begun.message.start_s) for part in parts),
            passes=sum(part.passes for part in parts),
            compute_s=time.monotonic() - begun.since,
        )

    def _wire(self, part: Decoded, offset_s: float) -> WirePart:
        return WirePart(
            start_s=part.start_s + offset_s,
            words=tuple(self._wire_word(word, offset_s) for word in part.words),
            temperature=part.hypothesis.temperature,
            avg_logprob=part.hypothesis.avg_logprob,
            compression_ratio=part.hypothesis.compression_ratio,
            no_speech_prob=part.hypothesis.no_speech_prob,
            language=part.language,
        )

    def _wire_word(self, word: AlignedWord, offset_s: float) -> WireWord:
        tokens = (
            WireToken(token, *self._backend.token_text(token), logprob)
            for token, logprob in zip(word.token_ids, word.logprobs, strict=True)
        )
        return WireWord(word.text, word.start + offset_s, word.end + offset_s, word.probability, tuple(tokens))


def _options(message: DecodeWindow, language: str) -> DecodeOptions:
    return DecodeOptions(
        language=language,
        task=message.task,
        prompt=message.prompt,
        temperatures=message.temperatures,
        beam_size=message.beam_size,
        hotwords=message.hotwords,
        both_sizes=message.both_sizes,
        patient=message.patient,
    )
