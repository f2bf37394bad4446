"""What language a backend hears, without the words."""

from __future__ import annotations

import numpy as np

from care_voice.engine.backends.runtime import Hear, Languages
from care_voice.engine.backends.whisper import WhisperBackend


def languages(backend: WhisperBackend, samples: np.ndarray) -> Languages:
    """Of a backend that has no window in hand: codes and probabilities. Raises what the runtime answers instead."""
    backend.runtime.add(0, Hear(backend._encode(samples, full=False)))
    while not (answers := backend.runtime.step()):
        pass
    ((_, answer),) = answers
    if isinstance(answer, Exception):
        raise answer
    assert isinstance(answer, list)
    return answer
