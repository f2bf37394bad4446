"""Whisper on CTranslate2."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from care_voice.engine.backends.runtime import Alignment, Generated, Mel, Request


class CTranslate2Runtime:
    """Decodes one window after the other, in the order in which they came.

    Args:
        model_dir: A directory with CTranslate2's model.bin, config.json and vocabulary.
        device: cpu, cuda, or auto: cuda where there is a device.
        compute_type: A CTranslate2 type, for example int8; auto means int8 on a CPU and float16 on CUDA.
        threads: CPU threads of one operation; 0 lets CTranslate2 choose.

    Raises:
        RuntimeError, ValueError: CTranslate2 cannot load what the directory holds, or lacks the device.
    """

    def __init__(self, model_dir: Path, device: str, compute_type: str, threads: int) -> None:
        self.device = _resolve_device(device)
        if compute_type == "auto":
            compute_type = "float16" if self.device == "cuda" else "int8"
        self._model = ctranslate2.models.Whisper(
            str(model_dir), device=self.device, compute_type=compute_type, intra_threads=threads, inter_threads=1
        )
        self._waiting: deque[tuple[int, Request]] = deque()

    @property
    def detail(self) -> str:
        return f"CTranslate2 {self._model.compute_type} on {self.device}"

    @property
    def multilingual(self) -> bool:
        return bool(self._model.is_multilingual)

    @property
    def mels(self) -> int:
        return int(self._model.n_mels)

    @property
    def capacity(self) -> int:
        return 1

    @property
    def preempts(self) -> bool:
        return False

    def encode(self, mel: Mel) -> Any:
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[np.newaxis]))
        return self._model.encode(features, to_cpu=False)

    def languages(self, encoded: Any) -> list[tuple[str, float]]:
        ranked = self._model.detect_language(encoded)[0]
        return [(str(token).strip("<|>"), float(probability)) for token, probability in ranked]

    def add(self, key: int, request: Request) -> None:
        self._waiting.append((key, request))

    def step(self) -> list[tuple[int, Generated]]:
        if not self._waiting:
            return []
        key, request = self._waiting.popleft()
        return [(key, self._generate(request))]

    def _generate(self, request: Request) -> Generated:
        ctranslate2.set_random_seed(round(request.temperature * 1000))
        result = self._model.generate(
            request.encoded,
            [list(request.prompt)],
            max_length=_generation_limit(request.cap, len(request.prompt)),
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=list(request.suppressed),
            **_sampling(request),
        )[0]
        ids = tuple(result.sequences_ids[0])
        return Generated(ids, result.scores[0] * len(ids) / (len(ids) + 1), result.no_speech_prob)

    def align(self, request: Request, _generated: Generated, tokens: list[int], frames: int) -> Alignment:
        """CTranslate2 runs the decoder once more, over the text alone."""
        start = list(request.prompt[request.start : -1])
        result = self._model.align(request.encoded, start, [tokens], frames)[0]
        return Alignment(result.alignments, result.text_token_probs)


def _sampling(request: Request) -> dict[str, float | int]:
    if request.temperature == 0:
        return {"beam_size": request.beam_size}
    return {
        "beam_size": 1,
        "num_hypotheses": request.best_of,
        "sampling_topk": 0,
        "sampling_temperature": request.temperature,
    }


def _generation_limit(cap: int, prompt_length: int) -> int:
    """CTranslate2 stops after min(max_length / 2, max_length - prompt) tokens; this is the max_length for `cap`."""
    return max(2 * cap, cap + prompt_length)


def _resolve_device(device: str) -> str:
    if device != "auto":
        return device
    return "cuda" if ctranslate2.get_cuda_device_count() > 0 else "cpu"
