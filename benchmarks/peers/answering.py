"""How an engine of the benchmark is driven: it loads once, says so, then answers clip by clip.

One JSON object a line. First comes {"version": ..., "load_s": ...} on standard output; then for each
{"path": "clip.wav", "language": "en"} on standard input one {"text": ..., "seconds": ...}. The file is mono PCM of 16
bit at 16 kHz; reading it is not timed. Needs NumPy and nothing else, since it runs in every environment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import wave
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
Transcribe = Callable[[Samples, str], str]


def arguments() -> argparse.Namespace:
    """`model`, `threads`, `beam` and `batch`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="what the engine loads: a file, a directory or a name")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--beam", type=int, required=True)
    parser.add_argument("--batch", type=int, default=0, help="windows of a batch; 0: one after the other")
    return parser.parse_args()


def take_stdout() -> IO[str]:
    """Standard output for answers alone: whatever else a library prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def answer(load: Callable[[], tuple[str, Transcribe]]) -> None:
    """Load an engine, which gives its version and the call that is timed, and answer until standard input ends."""
    out = take_stdout()
    began = time.perf_counter()
    version, transcribe = load()
    say(out, {"version": version, "load_s": time.perf_counter() - began})
    for line in sys.stdin:
        request = json.loads(line)
        samples = read_wave(request["path"])
        began = time.perf_counter()
        text = transcribe(samples, request["language"])
        say(out, {"text": text, "seconds": time.perf_counter() - began})


def say(out: IO[str], message: dict[str, Any]) -> None:
    """Write one line."""
    out.write(json.dumps(message) + "\n")
    out.flush()


def read_wave(path: str) -> Samples:
    """Samples in [-1, 1]."""
    with wave.open(path, "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
