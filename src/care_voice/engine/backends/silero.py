"""Silero voice activity detection (https://github.com/snakers4/silero-vad): the ONNX graph of faster-whisper."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64
_STATE_SHAPE = (1, 1, 128)


class SileroVad:
    """Speech probabilities for a stream of sound: the recurrent state is carried from call to call."""

    def __init__(self, session: onnxruntime.InferenceSession | None = None) -> None:
        self._session = session or load_session()
        self._h = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._c = np.zeros(_STATE_SHAPE, dtype=np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, dtype=np.float32)

    @property
    def state(self) -> tuple[bytes, bytes, bytes]:
        """What it carries from call to call."""
        return self._h.tobytes(), self._c.tobytes(), self._context.tobytes()

    def restore(self, state: tuple[bytes, bytes, bytes]) -> None:
        """Go on where another one was. Raises ValueError where this is no `state`."""
        h, c, context = (np.frombuffer(part, dtype=np.float32) for part in state)
        self._h, self._c = h.reshape(_STATE_SHAPE), c.reshape(_STATE_SHAPE)
        self._context = context.reshape(CONTEXT_SAMPLES)

    def probabilities(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """One probability for each 512 samples of 16 kHz sound in [-1, 1]; the length must be a multiple of 512."""
        frames = samples.reshape(-1, FRAME_SAMPLES)
        contexts = np.concatenate([self._context[np.newaxis], frames[:-1, -CONTEXT_SAMPLES:]])
        self._context = frames[-1, -CONTEXT_SAMPLES:].copy()
        batch = np.concatenate([contexts, frames], axis=1)
        output, self._h, self._c = self._session.run(None, {"input": batch, "h": self._h, "c": self._c})
        return np.asarray(output, dtype=np.float32).reshape(-1)


def load_session() -> onnxruntime.InferenceSession:
    """The graph on one CPU thread: it is small, and the recogniser needs the other cores."""
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(_graph()), providers=["CPUExecutionProvider"], sess_options=options)


def _graph() -> Path:
    """The graph inside the faster-whisper package, which is not imported: that would load CTranslate2 as well."""
    package = find_spec("faster_whisper")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("faster_whisper is not installed")
    return Path(package.origin).parent / "assets" / "silero_vad_v6.onnx"
