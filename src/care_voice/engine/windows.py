"""The engine worker's work: a `DecodeWindow` in, a `WindowDecoded` out."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from care_voice.engine.alignment import AlignedWord
from care_voice.engine.backends.whisper import Decoded, DecodeOptions, load_backend
from care_voice.engine.protocol import DecodeWindow, LoadEngine, WindowDecoded, WirePart, WireToken, WireWord

_PCM_SCALE = 32768.0


class WindowDecoder:
    """Translates between the wire and the backend."""

    def __init__(self, load: LoadEngine) -> None:
        self._backend = load_backend(Path(load.model_dir), load.device, load.compute_type, load.threads)

    @property
    def multilingual(self) -> bool:
        return self._backend.multilingual

    @property
    def detail(self) -> str:
        """What runs the model, for people."""
        return self._backend.runtime.detail

    def decode(self, message: DecodeWindow) -> WindowDecoded:
        """Detect the language where none is given, decode, align."""
        started = time.monotonic()
        samples = np.frombuffer(message.pcm, dtype="<i2").astype(np.float32) / _PCM_SCALE
        language, probability = message.language, 1.0
        if language is None:
            language, probability = self._backend.detect_language(samples, message.languages)
        options = DecodeOptions(language, message.task, message.prompt, message.temperatures, message.beam_size)
        parts = self._backend.decode(samples, message.speech, options)
        return WindowDecoded(
            id=message.id,
            language=language,
            language_probability=probability,
            parts=tuple(self._wire(part, message.start_s) for part in parts),
            passes=sum(part.passes for part in parts),
            compute_s=time.monotonic() - started,
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
