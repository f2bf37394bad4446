"""The engine worker's work: a `DecodeWindow` in, a `WindowDecoded` out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from care_voice.engine.alignment import AlignedWord
from care_voice.engine.backends.runtime import Runtime
from care_voice.engine.backends.whisper import Decoded, DecodeOptions, load_backend
from care_voice.engine.protocol import DecodeWindow, LoadEngine, WindowDecoded, WirePart, WireToken, WireWord

_PCM_SCALE = 32768.0


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

    @property
    def capacity(self) -> int:
        """How many windows are worth decoding together."""
        return self._backend.runtime.capacity

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
        language, probability = message.language, 1.0
        if language is None:
            language, probability = self._backend.detect_language(samples, message.languages)
        options = DecodeOptions(language, message.task, message.prompt, message.temperatures, message.beam_size)
        self._backend.open(message.id, samples, message.speech, options)
        self._begun[message.id] = _Begun(message, language, probability, since)

    def step(self) -> list[WindowDecoded]:
        """Go on with all windows in hand, for about as long as a token takes; the answers that are ready now."""
        return [self._answer(self._begun.pop(key), parts) for key, parts in self._backend.step()]

    def decode(self, message: DecodeWindow) -> WindowDecoded:
        """Decode one window alone, while no other is in hand. Raises as `begin` does."""
        self.begin(message)
        while not (answers := self.step()):
            pass
        return answers[0]

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
        )

    def _wire_word(self, word: AlignedWord, offset_s: float) -> WireWord:
        tokens = (
            WireToken(token, *self._backend.token_text(token), logprob)
            for token, logprob in zip(word.token_ids, word.logprobs, strict=True)
        )
        return WireWord(word.text, word.start + offset_s, word.end + offset_s, word.probability, tuple(tokens))
