"""faster-whisper: `transcribe`, or with --batch its BatchedInferencePipeline; the library's own defaults otherwise."""

from __future__ import annotations

from typing import Any

import ctranslate2
import faster_whisper
from answering import Samples, Transcribe, answer, arguments
from faster_whisper import BatchedInferencePipeline, WhisperModel


def load() -> tuple[str, Transcribe]:
    model: Any = WhisperModel(wanted.model, "cpu", compute_type="int8", cpu_threads=wanted.threads)
    options: dict[str, int] = {}
    if wanted.batch:
        model, options = BatchedInferencePipeline(model), {"batch_size": wanted.batch}

    def transcribe(samples: Samples, language: str) -> str:
        segments, _ = model.transcribe(samples, language=language, beam_size=wanted.beam, **options)
        return "".join(segment.text for segment in segments)

    return f"faster-whisper {faster_whisper.__version__}, CTranslate2 {ctranslate2.__version__}, int8", transcribe


wanted = arguments()
answer(load)
