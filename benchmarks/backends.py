"""The inference backends side by side: error rate and time, in this process, on the speech evaluation set.

    .venv/bin/python benchmarks/backends.py MODEL_DIR... [--sets en,zh,long] [--beam 5] [--minimum 15] [--together 1]
        [--threads 2] [--peer] [--json FILE]

Each MODEL_DIR holds a CTranslate2 model or graphs for ONNX Runtime; `--peer` adds faster-whisper, sequential and in
batches of 8, on the first CTranslate2 directory. Decoding, voice activity detection and cutting of our windows are
timed too. Engines take turns set by set; times are wall and CPU seconds. `--together` windows progress at once.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel

from care_voice.engine.backends.whisper import Decoded, DecodeOptions, WhisperBackend, WhisperSettings, load_backend
from care_voice.engine.media import MediaReader
from care_voice.engine.protocol import MediaWindow, OpenMedia, VadOptions
from speech import SETS, Clip, clips_of, error_percent

LADDER = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Row:
    """What one engine did with one set. `passes` counts decoder runs for `windows`."""

    engine: str
    speech: str
    beam: int
    error_percent: float
    wall_s: float
    cpu_s: float
    windows: int = 0
    passes: int = 0


def main() -> None:
    arguments = _arguments()
    rows: list[Row] = []
    for name in arguments.sets.split(","):
        for engine, transcribe in _engines(arguments):
            rows.append(_measured(engine, name, arguments.beam, transcribe))
            print(json.dumps(asdict(rows[-1])), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--sets", default="en,zh,long")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--minimum", default="15", help="seconds; several, separated by commas, are compared")
    parser.add_argument("--margin", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--together", type=int, default=1)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--texts", type=Path, help="write the transcripts into this directory")
    return parser.parse_args()


Transcribe = Callable[[str, list[Clip], int], tuple[list[str], int, int]]
_loaded: dict[str, object] = {}


def _engines(arguments: argparse.Namespace) -> Iterator[tuple[str, Transcribe]]:
    for model in arguments.models:
        for minimum in arguments.minimum.split(","):
            name = f"{model.name} {minimum} s" + (f" x{arguments.together}" if arguments.together > 1 else "")
            if name not in _loaded:
                settings = WhisperSettings(minimum_s=float(minimum), margin_s=arguments.margin)
                _loaded[name] = load_backend(model, "cpu", "int8", arguments.threads, settings)
            yield name, _ours(_loaded[name], arguments.together)
    if arguments.peer:
        peer = _loaded.setdefault(
            "peer", WhisperModel(str(arguments.models[0]), "cpu", compute_type="int8", cpu_threads=arguments.threads)
        )
        yield "faster-whisper", _faster_whisper(peer, {})
        yield "faster-whisper batch 8", _faster_whisper(BatchedInferencePipeline(peer), {"batch_size": 8})


def _measured(engine: str, name: str, beam: int, transcribe: Transcribe) -> Row:
    language, clips = SETS[name][0], clips_of(name)
    wall, cpu = time.perf_counter(), _cpu_s()
    texts, windows, passes = transcribe(language, clips, beam)
    wall, cpu = time.perf_counter() - wall, _cpu_s() - cpu
    error = error_percent(language, [clip.text for clip in clips], texts)
    return Row(engine, name, beam, round(error, 2), round(wall, 1), round(cpu, 1), windows, passes)


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _faster_whisper(peer: WhisperModel | BatchedInferencePipeline, options: dict[str, int]) -> Transcribe:
    def transcribe(language: str, clips: list[Clip], beam: int) -> tuple[list[str], int, int]:
        texts = []
        for clip in clips:
            segments, _ = peer.transcribe(str(clip.path), language=language, beam_size=beam, **options)
            texts.append("".join(segment.text for segment in segments))
        return texts, 0, 0

    return transcribe


def _ours(backend: WhisperBackend, together: int) -> Transcribe:
    reader = MediaReader()

    def transcribe(language: str, clips: list[Clip], beam: int) -> tuple[list[str], int, int]:
        options = DecodeOptions(language, "transcribe", None, LADDER, beam)
        windows = ((n, w) for n, clip in enumerate(clips) for w in _windows(reader, clip))
        found: dict[tuple[int, float], list[Decoded]] = {}
        left = True
        open_windows = 0
        while left or open_windows:
            while left and open_windows < together:
                following = next(windows, None)
                left = following is not None
                if following is not None:
                    clip, window = following
                    samples = np.frombuffer(window.pcm, "<i2").astype(np.float32) / 32768
                    backend.open((clip, window.start_s), samples, window.speech, options)
                    open_windows += 1
            for finished in backend.step():
                if finished.error is not None:
                    raise finished.error
                found[finished.key] = finished.parts
                open_windows -= 1
        texts = [""] * len(clips)
        for (clip, _), parts in sorted(found.items()):
            texts[clip] += "".join(word.text for part in parts for word in part.words)
        passes = sum(part.passes for parts in found.values() for part in parts)
        return texts, len(found), passes

    return transcribe


def _windows(reader: MediaReader, clip: Clip) -> Iterator[MediaWindow]:
    messages = reader.read(OpenMedia(1, "benchmark", str(clip.path), 1e6, VadOptions()))
    return (message for message in messages if isinstance(message, MediaWindow))


if __name__ == "__main__":
    main()
