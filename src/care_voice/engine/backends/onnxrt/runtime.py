"""The window pipeline's view of Whisper on ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from care_voice.domain.errors import CareVoiceError
from care_voice.engine.backends.onnxrt.decoding import Job, Outcome, Probe, Suppression
from care_voice.engine.backends.onnxrt.lanes import Answer, Heard, Lane, Lanes
from care_voice.engine.backends.onnxrt.session import Array, Decoder, Encoder, Sound, session_options
from care_voice.engine.backends.runtime import Alignment, Generated, Hear, Languages, Mel, Request
from care_voice.engine.processor import read_processor
from care_voice.engine.warping import attention, matrix_of, warp

PARAMETERS_FILE = "onnx.json"
"""What the graphs do not say: alignment heads, and the tokens of the languages."""

_CAPACITY = 5
"""Windows worth having in hand for each lane: four that share a step (with more of them a step takes as much longer as
they save), and one that is encoded meanwhile."""


class OnnxRuntime:
    """Windows share the steps of one decoder.

    Threads of their own encode, so that the decoder goes on with other windows meanwhile: neither graph keeps more than
    a core and a half busy by itself.

    Args:
        model_dir: A directory that `write_onnx` made.
        threads: CPU threads of one operation; 0 lets ONNX Runtime choose.

    Raises:
        RuntimeError: ONNX Runtime cannot load what the directory holds, or this processor would compute it wrong.
        OSError, ValueError: A file is missing or damaged.
    """

    device = "cpu"
    compute_type = "int8"
    gpu = None
    capacity = _CAPACITY
    preempts = True
    counts_steps = True
    capacity_s = 0.0
    halvings = 0

    def __init__(self, model_dir: Path, threads: int) -> None:
        require_exact_products()
        options = session_options(threads)
        self._encoder = Encoder(model_dir, options)
        self._decoder = Decoder(model_dir, options)
        self._lanes = Lanes(self._encoder, self._decoder)
        parameters = json.loads((model_dir / PARAMETERS_FILE).read_text(encoding="utf-8"))
        self._start: int = parameters["start"]
        self._languages: dict[str, int] = parameters["languages"]
        self._heads: list[tuple[int, int]] = [(layer, head) for layer, head in parameters["alignment_heads"]]

    @property
    def detail(self) -> str:
        return "ONNX Runtime int8 on cpu"

    @property
    def multilingual(self) -> bool:
        return bool(self._languages)

    @property
    def mels(self) -> int:
        return self._encoder.mels

    @property
    def progress(self) -> int:
        return self._lanes.progress

    @property
    def urgent(self) -> Lane:
        """The lane of windows that somebody waits for."""
        return self._lanes.urgent

    def encode(self, mel: Mel) -> Heard:
        return Heard(mel)

    def add(self, key: int, request: Request | Hear) -> None:
        lane = self._lanes.patient if request.patient else self.urgent
        heard: Heard = request.encoded
        if isinstance(request, Hear):
            lane.add(key, heard.by(lane), Probe(self._start, tuple(self._languages.values())))
        else:
            lane.add(key, heard.by(lane), _job(request))

    def drop(self, key: int) -> bool:
        return self._lanes.drop(key)

    def step(self) -> list[tuple[int, Generated | Languages | CareVoiceError]]:
        return [(key, self._result(answer)) for key, answer in self._lanes.step()]

    def align(self, request: Request, generated: Generated, tokens: list[int], frames: int) -> Alignment:
        """No run of the model: the queries were kept while the tokens were decoded."""
        outcome: Outcome = generated.memory
        prompt = len(request.prompt) - request.start
        weights = attention(*self._of_heads(outcome.queries, outcome.sound, -(-frames // 2)))
        path = warp(-matrix_of(weights)[prompt - 1 :])
        return Alignment(path, np.exp(outcome.best.logprobs[: len(tokens)]).tolist())

    def _result(self, answer: Answer) -> Generated | Languages | CareVoiceError:
        if isinstance(answer, CareVoiceError):
            return answer
        return _generated(answer) if isinstance(answer, Outcome) else self._shares(answer)

    def _shares(self, logprobs: Array) -> Languages:
        weights = np.exp(logprobs - logprobs.max())
        shares = (weights / weights.sum()).tolist()
        return sorted(zip(self._languages, shares, strict=True), key=lambda pair: -pair[1])

    def _of_heads(self, queries: Array, sound: Sound, frames: int) -> tuple[Array, Array]:
        """Queries (heads, tokens, size) and keys (heads, frames, size) of the alignment heads."""
        layers = sorted({layer for layer, _ in self._heads})
        size = self._decoder.head_size
        split = queries.reshape(len(queries), len(layers), -1, size)
        ours = np.stack([split[:, layers.index(layer), head] for layer, head in self._heads])
        keys = np.stack([sound.keys(layer, head, frames) for layer, head in self._heads])
        return ours, keys


def require_exact_products() -> None:
    """Raise RuntimeError on an x86 processor without VNNI: there 8-bit products saturate, and accuracy is lost."""
    if not read_processor().exact_products:
        raise RuntimeError(
            "this processor lacks VNNI, which int8 graphs need; serve the model that they were made from"
        )


def _job(request: Request) -> Job:
    sampling = request.temperature > 0
    return Job(
        prompt=request.prompt,
        start=request.start,
        end=request.end,
        no_speech=request.no_speech,
        suppression=Suppression(request.suppressed, request.blank),
        cap=request.cap,
        beam_size=request.best_of if sampling else request.beam_size,
        temperature=request.temperature,
        seed=round(request.temperature * 1000),
    )


def _generated(outcome: Outcome) -> Generated:
    best = outcome.best
    average = best.total / (len(best.tokens) + 1)
    return Generated(best.tokens, average, outcome.no_speech_prob, outcome)
