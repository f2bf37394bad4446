"""How near the engines come to what the machine could do. Target 8 of the README.

    .venv/bin/python benchmarks/limit.py [--model base] [--onnx DIRECTORY] [--tries 5] [--json FILE]

Measures the peak of int8 and float32 matrix products and of reading from memory (peaks.py), counts the operations and
bytes that Whisper's encoder (windows of 15 s and 30 s) and one step of its decoder (beam 1 and 5) cannot do without,
and compares the least time that these need with what CTranslate2, and the graphs for ONNX Runtime in DIRECTORY, take.

The least: linear layers are int8, convolutions and attention float32, nothing but products counts, and each part takes
the longer of its arithmetic and its bytes. The encoder's part has the keys and values of the cross-attention in it,
which some engines compute with the first token. A step reads every weight of the decoder and those keys and values
once, for all beams together. Times are medians; peaks are maxima: an idle machine is needed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import ctranslate2
import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor

from care_voice.audio.decode import open_media
from measure import machine, table
from peaks import bytes_read, float32_ops, int8_ops
from speech import clips_of

PROJECT = Path(__file__).resolve().parents[1]
WINDOWS_S = (15, 30)
BEAMS = (1, 5)
FEW, MANY = 8, 72
"""Tokens of a short and a long answer: their difference is steps alone."""
END, START, ENGLISH, TRANSCRIBE, NO_SPEECH, NO_TIMESTAMPS = 50257, 50258, 50259, 50359, 50362, 50363
"""Tokens of the multilingual models before large-v3. The end is suppressed: answers are as long as asked."""

Mel = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Machine:
    """Operations and bytes a second."""

    int8: float
    float32: float
    memory: float

    @classmethod
    def measured(cls, threads: int) -> Machine:
        return cls(int8_ops(threads), float32_ops(threads), bytes_read(threads))

    def or_more(self, other: Machine) -> Machine:
        """The larger of two measurements: what else the machine does only ever takes away."""
        return Machine(*(max(pair) for pair in zip(astuple(self), astuple(other), strict=True)))


@dataclass(frozen=True)
class Work:
    """What cannot be done without: operations of each kind, and bytes that come from memory."""

    int8: float = 0.0
    float32: float = 0.0
    read: float = 0.0

    def least_s(self, machine: Machine) -> float:
        return max(self.int8 / machine.int8 + self.float32 / machine.float32, self.read / machine.memory)


@dataclass(frozen=True)
class Sizes:
    """Of a Whisper model."""

    state: int
    layers: int
    mels: int
    vocabulary: int

    def encoder(self, seconds: int) -> Work:
        """Convolutions, blocks, and the keys and values of the cross-attention, which are computed once a window."""
        positions, d = 50 * seconds, self.state
        convolutions = 2 * positions * 3 * d * (2 * self.mels + d)
        attention = self.layers * 2 * 2 * positions**2 * d
        linear = self.layers * 2 * positions * (12 + 2) * d**2
        return Work(linear, convolutions + attention, self.layers * (12 + 2) * d**2)

    def step(self, seconds: int, beam: int) -> Work:
        """One token for each beam: all weights, and the window's keys and values as float32."""
        d = self.state
        weights = self.layers * 14 * d**2 + self.vocabulary * d
        window = self.layers * 2 * 50 * seconds * d
        return Work(2 * weights * beam, 2 * window * beam, weights + 4 * window)


class Probe(Protocol):
    """An engine whose parts can be timed."""

    def encode(self, mel: Mel) -> Any:
        """Encode (mels, frames), all of it before this returns."""

    def generate(self, encoded: Any, tokens: int, beam: int) -> object:
        """Give exactly so many tokens."""


class CTranslate2Probe:
    """CTranslate2 as faster-whisper calls it."""

    def __init__(self, model_dir: Path, threads: int) -> None:
        self._model = ctranslate2.models.Whisper(str(model_dir), "cpu", compute_type="int8", intra_threads=threads)

    def encode(self, mel: Mel) -> Any:
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[np.newaxis]))
        return self._model.encode(features, to_cpu=True)

    def generate(self, encoded: Any, tokens: int, beam: int) -> object:
        prompt = [START, ENGLISH, TRANSCRIBE, NO_TIMESTAMPS]
        # CTranslate2 stops after half of max_length.
        return self._model.generate(
            encoded, [prompt], beam_size=beam, max_length=2 * tokens, suppress_tokens=[END, NO_SPEECH]
        )


class OnnxProbe:
    """ONNX Runtime as Care Voice's engine uses it."""

    def __init__(self, model_dir: Path, threads: int) -> None:
        from care_voice.engine.backends.onnxrt.runtime import OnnxRuntime  # noqa: PLC0415 - with --onnx alone

        self._runtime = OnnxRuntime(model_dir, threads)

    def encode(self, mel: Mel) -> Any:
        heard = self._runtime.encode(mel)
        heard.by(self._runtime.urgent).result()
        return heard

    def generate(self, encoded: Any, tokens: int, beam: int) -> object:
        from care_voice.engine.backends.runtime import Request  # noqa: PLC0415

        request = Request(
            encoded=encoded,
            prompt=(START, ENGLISH, TRANSCRIBE, NO_TIMESTAMPS),
            start=0,
            end=END,
            no_speech=NO_SPEECH,
            suppressed=(END, NO_SPEECH),
            blank=(),
            cap=tokens,
            beam_size=beam,
            temperature=0.0,
            best_of=1,
        )
        self._runtime.add(0, request)
        while not (done := self._runtime.step()):
            pass
        return done


def main() -> None:
    arguments = _arguments()
    view = PROJECT / "data" / "models" / "views" / arguments.model
    before = Machine.measured(arguments.threads)
    probes: dict[str, Probe] = {"CTranslate2 (faster-whisper)": CTranslate2Probe(view, arguments.threads)}
    if arguments.onnx:
        probes["Care Voice, ONNX Runtime"] = OnnxProbe(arguments.onnx, arguments.threads)
    taken = list(_measure(probes, sizes_of(view), arguments.tries))
    can = before.or_more(Machine.measured(arguments.threads))
    rows = [Row(part, engine, 1e3 * seconds, 1e3 * work.least_s(can)) for part, engine, seconds, work in taken]
    print(f"{machine()}; {arguments.threads} threads\n")
    int8, float32, memory = (value / 1e9 for value in (can.int8, can.float32, can.memory))
    print(f"int8 {int8:.0f} Gop/s, float32 {float32:.0f} Gop/s, memory {memory:.1f} GB/s\n")
    print(table(("", "engine", "takes, ms", "the least, ms", "of the limit"), map(Row.shown, rows)))
    if arguments.json:
        body = {"machine": machine(), "peaks": asdict(can), "parts": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base")
    parser.add_argument("--onnx", type=Path, help="directory with the graphs that Care Voice wrote for ONNX Runtime")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def sizes_of(view: Path) -> Sizes:
    """Read from the weights."""
    from care_voice.engine.backends.ct2_file import open_model  # noqa: PLC0415

    with open_model(view / "model.bin") as model:
        vocabulary, state = model.variables["decoder/embeddings/weight"].shape
        layers = sum(name.startswith("decoder/") and name.endswith("/ffn/layer_norm/gamma") for name in model.variables)
        return Sizes(state, layers, model.variables["encoder/conv1/weight"].shape[1], vocabulary)


@dataclass(frozen=True)
class Row:
    """What a part takes, and the least it could take."""

    part: str
    engine: str
    ms: float
    least_ms: float

    def shown(self) -> tuple[str, ...]:
        return self.part, self.engine, f"{self.ms:.1f}", f"{self.least_ms:.1f}", f"{self.least_ms / self.ms:.0%}"


def _measure(probes: dict[str, Probe], sizes: Sizes, tries: int) -> Iterable[tuple[str, str, float, Work]]:
    """Part, engine, seconds, and what the part cannot do without."""
    for seconds in WINDOWS_S:
        mel = _mel(seconds, sizes.mels)
        for name, probe in probes.items():
            encoder_s, steps_s = _timed(probe, mel, tries)
            yield f"encoder, {seconds} s", name, encoder_s, sizes.encoder(seconds)
            for beam, step_s in steps_s.items():
                yield f"decoder step, {seconds} s, beam {beam}", name, step_s, sizes.step(seconds, beam)


def _timed(probe: Probe, mel: Mel, tries: int) -> tuple[float, dict[int, float]]:
    """Seconds of the encoder, and of a step by beam size."""
    encoded = probe.encode(mel)
    answers_s = {
        (beam, tokens): _median_s(lambda beam=beam, tokens=tokens: probe.generate(encoded, tokens, beam), tries)
        for beam in BEAMS
        for tokens in (FEW, MANY)
    }
    steps_s = {beam: (answers_s[beam, MANY] - answers_s[beam, FEW]) / (MANY - FEW) for beam in BEAMS}
    before_the_first_s = answers_s[1, FEW] - FEW * steps_s[1]
    return _median_s(lambda: probe.encode(mel), tries) + before_the_first_s, steps_s


def _mel(seconds: int, mels: int) -> Mel:
    """The beginning of a long reading."""
    with open_media(clips_of("long")[0].path, 1e6) as media:
        samples = np.concatenate(list(media.blocks()))
    sound = samples[: seconds * 16_000].astype(np.float32) / 32768
    mel: Mel = FeatureExtractor(feature_size=mels)(sound, padding=0)[..., : seconds * 100]
    return mel


def _median_s(work: Callable[[], object], tries: int) -> float:
    return median(_seconds(work) for _ in range(tries))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
