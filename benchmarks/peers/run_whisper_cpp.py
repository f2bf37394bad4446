"""whisper.cpp through pywhispercpp: beam search, or greedy at beam 1; the library's own defaults otherwise."""

from __future__ import annotations

from importlib.metadata import version

from answering import Samples, Transcribe, answer, arguments
from pywhispercpp.model import Model


def load() -> tuple[str, Transcribe]:
    options = {"n_threads": wanted.threads, "print_progress": False, "print_realtime": False}
    if wanted.beam > 1:
        options["beam_search"] = {"beam_size": wanted.beam, "patience": -1.0}
    strategy = int(wanted.beam > 1)
    model = Model(wanted.model, params_sampling_strategy=strategy, redirect_whispercpp_logs_to=None, **options)

    def transcribe(samples: Samples, language: str) -> str:
        return " ".join(segment.text for segment in model.transcribe(samples, language=language))

    built_for = [name for name in ("AVX2", "AVX512", "AVX512_VNNI") if f"{name} = 1" in Model.system_info()]
    return f"pywhispercpp {version('pywhispercpp')}, built for {', '.join(built_for)}", transcribe


wanted = arguments()
answer(load)
