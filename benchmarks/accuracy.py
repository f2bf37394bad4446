"""Word and character error rates of Care Voice beside faster-whisper: same weights, same recordings, one run.

    .venv/bin/python benchmarks/accuracy.py [--model base] [--sets en,zh,long] [--json FILE]

Reads the speech evaluation set; see speech.py for how it is scored. Both engines are told the language and use beam 5
with their own defaults. The time is wall time for the whole set, one recording after the other; Care Voice's includes
its process boundary. For more engines, and times worth quoting, see engines.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from faster_whisper import WhisperModel

from care_voice.app import Application, usable_cpus
from care_voice.config import load_settings
from care_voice.service.options import TranscriptionOptions
from care_voice.telemetry.logs import configure_logging
from speech import SETS, Clip, clips_of, error_percent

BEAM_SIZE = 5


@dataclass(frozen=True)
class Score:
    """`error_percent` is WER or CER."""

    engine: str
    speech: str
    clips: int
    audio_s: float
    error_percent: float
    wall_s: float


async def care_voice(sets: list[str], model: str) -> list[Score]:
    """Through the same transcriber that the API uses."""
    os.environ["CARE_VOICE_MODEL"] = model
    application = Application(load_settings())
    try:
        await application.lifecycle.start_and_wait()
        return [await _care_voice_set(application, name) for name in sets]
    finally:
        await application.lifecycle.close()


async def _care_voice_set(application: Application, name: str) -> Score:
    language, clips = SETS[name][0], clips_of(name)
    options = TranscriptionOptions(language=language)
    started = time.perf_counter()
    texts = [(await application.transcriber.transcribe(clip.path, options, "benchmark")).text for clip in clips]
    return _score("Care Voice", name, clips, texts, time.perf_counter() - started)


def faster_whisper(sets: list[str], model: str) -> list[Score]:
    """The library as its README calls it, on the same verified files."""
    view = load_settings().models.directory / "views" / model
    peer = WhisperModel(str(view), device="cpu", compute_type="int8", cpu_threads=usable_cpus())
    return [_faster_whisper_set(peer, name) for name in sets]


def _faster_whisper_set(peer: WhisperModel, name: str) -> Score:
    language, clips = SETS[name][0], clips_of(name)
    started = time.perf_counter()
    texts = []
    for clip in clips:
        segments, _ = peer.transcribe(str(clip.path), language=language, beam_size=BEAM_SIZE)
        texts.append("".join(segment.text for segment in segments))
    return _score("faster-whisper", name, clips, texts, time.perf_counter() - started)


def _score(engine: str, name: str, clips: list[Clip], texts: list[str], wall_s: float) -> Score:
    error = error_percent(SETS[name][0], [clip.text for clip in clips], texts)
    return Score(engine, name, len(clips), sum(clip.seconds for clip in clips), round(error, 2), round(wall_s, 1))


def report(scores: list[Score]) -> None:
    """A Markdown table, with what Care Voice is to its peer."""
    print(f"{platform.machine()}, {usable_cpus()} CPUs, Python {platform.python_version()}\n")
    print("| set | clips | audio s | Care Voice error % | faster-whisper error % | difference | speed ratio |")
    print("|---|---|---|---|---|---|---|")
    by_key = {(score.engine, score.speech): score for score in scores}
    for name in dict.fromkeys(score.speech for score in scores):
        ours, peer = by_key["Care Voice", name], by_key["faster-whisper", name]
        difference, ratio = ours.error_percent - peer.error_percent, peer.wall_s / ours.wall_s
        print(
            f"| {name} | {ours.clips} | {ours.audio_s:.0f} | {ours.error_percent:.2f} | {peer.error_percent:.2f} "
            f"| {difference:+.2f} | {ratio:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base")
    parser.add_argument("--sets", default="en,zh,long", help="comma-separated: en, zh, long")
    parser.add_argument("--json", type=Path, help="also write the scores to this file")
    arguments = parser.parse_args()
    configure_logging("text", "error")
    sets = arguments.sets.split(",")
    scores = [*asyncio.run(care_voice(sets, arguments.model)), *faster_whisper(sets, arguments.model)]
    report(scores)
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(score) for score in scores], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
