"""The engines that are compared, each a process that answers clip by clip (see peers/answering.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from care_voice.audio.decode import SAMPLE_RATE, open_media
from measure import cpu_seconds, peak_bytes
from speech import Clip

PROJECT = Path(__file__).resolve().parents[1]
PEERS = PROJECT / "benchmarks" / "peers"
INSTALLED = PROJECT / "data" / "peers"
BATCH = 8


@dataclass(frozen=True)
class Engine:
    """How to start an engine. `environment` names a folder in data/peers; without it, it is this interpreter's."""

    title: str
    script: str
    weights: str
    environment: str = ""
    arguments: tuple[str, ...] = ()

    def command(self, model: str, threads: int, beam: int) -> list[str]:
        python = str(INSTALLED / self.environment / "bin" / "python") if self.environment else sys.executable
        # A model that was derived for Care Voice is measured beside peers on the weights that it was made from.
        peers_model = model if self.weights == "{model}" else model.removesuffix("-onnx-int8").removesuffix("-int8")
        weights = self.weights.format(data=PROJECT / "data", model=peers_model)
        common = ["--model", weights, "--threads", str(threads), "--beam", str(beam)]
        return [python, str(PEERS / self.script), *common, *self.arguments]


VIEW = "{data}/models/views/{model}"
GGML = "{data}/peers/weights/{model}.q8_0.bin"
ENGINES = {
    "care_voice": Engine("Care Voice", "run_care_voice.py", "{model}"),
    "bare": Engine("Care Voice, bare engine call", "run_bare_engine.py", "{model}"),
    "faster_whisper": Engine("faster-whisper", "run_faster_whisper.py", VIEW, "faster_whisper"),
    "faster_whisper_batched": Engine(
        f"faster-whisper, batch {BATCH}", "run_faster_whisper.py", VIEW, "faster_whisper", ("--batch", str(BATCH))
    ),
    "whisper_cpp": Engine("whisper.cpp q8_0, wheel", "run_whisper_cpp.py", GGML, "whisper_cpp"),
    "whisper_cpp_native": Engine("whisper.cpp q8_0, compiled here", "run_whisper_cpp.py", GGML, "whisper_cpp_native"),
    "openai_whisper": Engine(
        "openai-whisper", "run_openai_whisper.py", "{data}/peers/weights/{model}.pt", "openai_whisper"
    ),
}


@dataclass(frozen=True)
class Answer:
    """`wall_s` is the engine's own clock around its call; `cpu_s` counts the process and all below it."""

    text: str
    wall_s: float
    cpu_s: float
    media_s: float


class Running:
    """An engine that has loaded."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        loaded = self._read()
        self.version = str(loaded["version"])
        self.load_s = float(loaded["load_s"])

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def peak_bytes(self) -> int:
        return peak_bytes(self.pid)

    def transcribe(self, path: Path, language: str) -> Answer:
        """One clip; RuntimeError when the engine ended."""
        assert self._process.stdin is not None
        before = cpu_seconds(self.pid)
        self._process.stdin.write(json.dumps({"path": str(path), "language": language}) + "\n")
        self._process.stdin.flush()
        reply = self._read()
        cpu_s = cpu_seconds(self.pid) - before
        return Answer(reply["text"], reply["seconds"], cpu_s, reply.get("media_s", 0.0))

    def _read(self) -> dict[str, str | float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait(10)}")
        return dict(json.loads(line))


@contextmanager
def running(names: Sequence[str], model: str, threads: int, beam: int) -> Iterator[dict[str, Running]]:
    """Engines that have loaded, by name; they end with the context."""
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="care-voice-benchmark-"))
        yield {
            name: Running(
                stack.enter_context(_process(ENGINES[name], ENGINES[name].command(model, threads, beam), data))
            )
            for name in names
        }


@contextmanager
def _process(engine: Engine, command: list[str], data: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, env=_environment(engine, data), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _environment(engine: Engine, data: str) -> dict[str, str]:
    """A clean one: no setting of whoever runs the benchmark changes an engine."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CARE_VOICE_", "OPENBLAS_"))}
    if engine.environment:
        # Libraries that pip compiled do not find each other by themselves.
        packages = next((INSTALLED / engine.environment / "lib").glob("python3*/site-packages"))
        return {**inherited, "LD_LIBRARY_PATH": str(packages)}
    models = PROJECT / "data" / "models"
    return {**inherited, "CARE_VOICE_DATA_DIR": data, "CARE_VOICE_MODELS__DIRECTORY": str(models)}


def decoded(clips: Sequence[Clip], directory: Path) -> list[Path]:
    """The clips as WAV files, mono, 16 bit, 16 kHz: no engine's decoder is compared."""
    return [_decoded(clip, directory / f"{clip.path.stem}.wav") for clip in clips]


def _decoded(clip: Clip, target: Path) -> Path:
    with open_media(clip.path, 1e6) as media, wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.concatenate(list(media.blocks())).astype("<i2").tobytes())
    return target
