"""openai-whisper on the CPU: beam search, or greedy at beam 1; the library's own defaults otherwise."""

from __future__ import annotations

import torch
import whisper
from answering import Samples, Transcribe, answer, arguments


def load() -> tuple[str, Transcribe]:
    torch.set_num_threads(wanted.threads)
    model = whisper.load_model(wanted.model, device="cpu")
    beam = {"beam_size": wanted.beam} if wanted.beam > 1 else {}

    def transcribe(samples: Samples, language: str) -> str:
        return str(whisper.transcribe(model, samples, language=language, fp16=False, **beam)["text"])

    return f"openai-whisper {whisper.__version__}, torch {torch.__version__}, float32", transcribe


wanted = arguments()
answer(load)
