"""The real model of CTranslate2 with less memory than it wants, in the test's process or in a worker's.

As a program it is a worker: `python -m support.short_of_memory`, whose engine cannot compute two windows together.
"""

from __future__ import annotations

from typing import Any

import ctranslate2

from care_voice.engine.backends.ct2_runtime import CTranslate2Runtime
from care_voice.engine.protocol import Ready, ToWorker
from care_voice.engine.roles import EngineRole, MediaRole
from care_voice.engine.worker import main

CUDA_MEMORY = RuntimeError("CUDA failed with error out of memory")


class ShortOfMemory:
    """The real model, which runs out of memory over more than `most` windows at a time, in the words that are given."""

    def __init__(self, model: Any, most: int, error: Exception) -> None:
        self._model = model
        self._most = most
        self._error = error
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def encode(self, features: ctranslate2.StorageView, *, to_cpu: bool) -> Any:
        self._refuse(features.shape[0])
        return self._model.encode(features, to_cpu=to_cpu)

    def generate(self, features: ctranslate2.StorageView, prompts: list[list[int]], **options: Any) -> Any:
        self._refuse(len(prompts))
        self.batches.append(len(prompts))
        return self._model.generate(features, prompts, **options)

    def _refuse(self, windows: int) -> None:
        if windows > self._most:
            raise self._error


class ShortRole(EngineRole):
    """The real engine, which has memory for one window."""

    def load(self, message: ToWorker) -> Ready:
        ready = super().load(message)
        runtime = self._decoder.runtime
        assert isinstance(runtime, CTranslate2Runtime)
        runtime._model = ShortOfMemory(runtime._model, 1, CUDA_MEMORY)
        return ready


if __name__ == "__main__":
    main({"engine": ShortRole, "media": MediaRole})
