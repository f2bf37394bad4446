"""The engine worker's work: a `DecodeWindow` in, a `WindowDecoded` out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from care_voice.engine.alignment import AlignedWord
from care_voice.engine.backends.detection import Detection
from care_voice.engine.backends.runtime import Runtime
from care_voice.engine.backends.whisper import Decoded, DecodeOptions, Finished, load_backend
from care_voice.engine.protocol import (
    DecodeWindow,
    LoadEngine,
    WindowDecoded,
    WirePart,
    WireToken,
    WireWord,
)

_PCM_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class WindowFailed:
    """A window that came to nothing, and why; it is no longer in hand, and the others go on."""

    request: DecodeWindow
    error: Exception


@dataclass(frozen=True, slots=True)
class _Begun:
    message: DecodeWindow
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
        """Take a window in hand; its language is detected in the steps that follow, where none is given.

        Raises:
            InvalidParameter: The model cannot do what is asked. What is known of the language only later is in the
                answer.
        """
        since = time.monotonic()
        samples = np.frombuffer(message.pcm, dtype="<i2").astype(np.float32) / _PCM_SCALE
        detection = _detection(message) if message.language is None else None
        self._backend.open(message.id, samples, message.speech, _options(message), detection=detection)
        self._begun[message.id] = _Begun(message, since)

    def drop(self, window_id: int) -> bool:
        """Put a window out of hand, which nobody waits for any more; whether it was in hand. It gets no answer."""
        self._begun.pop(window_id, None)
        return self._backend.drop(window_id)

    def step(self) -> list[WindowDecoded | WindowFailed]:
        """Go on with all windows in hand, for about as long as a token takes; the answers that are ready now."""
        return [self._result(self._begun.pop(finished.key), finished) for finished in self._backend.step()]

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
        try:
            return self._answer(begun, finished)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other windows must go on
            return WindowFailed(begun.message, error)

    def _answer(self, begun: _Begun, finished: Finished) -> WindowDecoded:
        return WindowDecoded(
            id=begun.message.id,
            language=finished.language,
            language_probability=finished.language_probability,
            parts=tuple(self._wire(part, begun.message.start_s) for part in finished.parts),
            passes=sum(part.passes for part in finished.parts),
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


def _detection(message: DecodeWindow) -> Detection:
    return Detection(message.languages, message.language_changes, message.patient)


def _options(message: DecodeWindow) -> DecodeOptions:
    return DecodeOptions(
        language=message.language or "",
        task=message.task,
        prompt=message.prompt,
        temperatures=message.temperatures,
        beam_size=message.beam_size,
        hotwords=message.hotwords,
        both_sizes=message.both_sizes,
        patient=message.patient,
    )
