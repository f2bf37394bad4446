"""Care Voice beside other engines: same weights, same audio, same threads, one run. Targets 1, 2 and 5 of the README.

    .venv/bin/python benchmarks/peers/install.py
    .venv/bin/python benchmarks/engines.py [--sets en,zh,long] [--beams 5,1] [--engines care_voice,...]
        [--repetitions 5] [--clips N] [--quick] [--json FILE]

All engines are loaded side by side. Each clip is given to all of them, one after the other, before the next clip comes;
who begins changes with each clip and each repetition, so that what else the machine does meets all alike. The audio is
decoded to PCM beforehand. Care Voice's time has reading of the file, voice activity detection and its process
boundary in it; that of the bare engine call has not. Times are medians of the repetitions over a whole set, by the
engine's own clock; CPU time counts all processes of an engine, and its memory is the sum of their peaks.

Results are written to the JSON file after each repetition: a run that is cut short keeps what it has.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from engine_process import ENGINES, Running, decoded, running
from measure import machine, table
from speech import SETS, Clip, clips_of, error_percent

SHORT = ("care_voice", "bare", "faster_whisper", "whisper_cpp", "whisper_cpp_native", "openai_whisper")
LONG = ("care_voice", "bare", "faster_whisper", "faster_whisper_batched")
IN_SET = {"en": SHORT, "zh": SHORT, "long": LONG}
QUICK_CLIPS = 3


@dataclass
class Result:
    """One engine with one set and beam; the lists have an entry for each repetition."""

    engine: str
    speech: str
    beam: int
    clips: int
    audio_s: float
    version: str
    load_s: float
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    media_s: list[float] = field(default_factory=list)
    error_percent: list[float] = field(default_factory=list)
    peak_mb: float = 0.0


@dataclass(frozen=True)
class Work:
    """A set of clips that are decoded already."""

    name: str
    clips: list[Clip]
    paths: list[Path]

    @property
    def language(self) -> str:
        return SETS[self.name][0]


def main() -> None:
    arguments = _arguments()
    results: list[Result] = []
    print(f"{machine()}; {arguments.threads} threads\n", file=sys.stderr)
    for beam in map(int, arguments.beams.split(",")):
        for name in arguments.sets.split(","):
            _measure_set(name, beam, arguments, results)
    print(report(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base")
    parser.add_argument("--sets", default="en,zh,long", help="comma-separated: en, zh, long")
    parser.add_argument("--beams", default="5,1", help="comma-separated")
    parser.add_argument(
        "--engines", default="", help=f"comma-separated: {', '.join(ENGINES)}; else all that fit the set"
    )
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--clips", type=int, default=10_000, help="only so many, spread evenly over the set")
    parser.add_argument("--quick", action="store_true", help=f"a smoke test: {QUICK_CLIPS} clips once")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.repetitions, arguments.clips = 1, QUICK_CLIPS
    return arguments


def _measure_set(name: str, beam: int, arguments: argparse.Namespace, results: list[Result]) -> None:
    """Append the results of one set and beam to `results`, and save all."""
    clips = _spread(clips_of(name), arguments.clips)
    wanted = arguments.engines.split(",") if arguments.engines else list(ENGINES)
    names = [each for each in wanted if each in IN_SET[name]]
    with (
        tempfile.TemporaryDirectory() as directory,
        running(names, arguments.model, arguments.threads, beam) as engines,
    ):
        work = Work(name, clips, decoded(clips, Path(directory)))
        found = {each: _empty_result(each, work, beam, engine) for each, engine in engines.items()}
        results.extend(found.values())
        for path in work.paths[:1]:
            _warm_up(engines, path, work.language)
        for repetition in range(arguments.repetitions):
            _repeat(repetition, work, engines, found)
            print(f"{name} beam {beam}: {repetition + 1} of {arguments.repetitions}", file=sys.stderr)
            if arguments.json:
                _save(arguments.json, results)


def _spread(clips: list[Clip], count: int) -> list[Clip]:
    """`count` of the clips, evenly spread over the set: its speakers come one after the other."""
    count = min(count, len(clips))
    return [clips[n * len(clips) // count] for n in range(count)]


def _empty_result(name: str, work: Work, beam: int, engine: Running) -> Result:
    seconds = sum(clip.seconds for clip in work.clips)
    return Result(name, work.name, beam, len(work.clips), round(seconds, 1), engine.version, round(engine.load_s, 3))


def _warm_up(engines: dict[str, Running], path: Path, language: str) -> None:
    """The first call allocates and compiles what later ones use; a short set would show nothing else."""
    for engine in engines.values():
        engine.transcribe(path, language)


def _repeat(repetition: int, work: Work, engines: dict[str, Running], found: dict[str, Result]) -> None:
    """Every clip through every engine once."""
    texts: dict[str, list[str]] = {name: [] for name in engines}
    spent = {name: [0.0, 0.0, 0.0] for name in engines}
    for number, path in enumerate(work.paths):
        for name in _rotated(list(engines), number + repetition):
            answer = engines[name].transcribe(path, work.language)
            texts[name].append(answer.text)
            spent[name] = [
                a + b for a, b in zip(spent[name], (answer.wall_s, answer.cpu_s, answer.media_s), strict=True)
            ]
    for name, result in found.items():
        for values, seconds in zip((result.wall_s, result.cpu_s, result.media_s), spent[name], strict=True):
            values.append(round(seconds, 3))
        error = error_percent(work.language, [clip.text for clip in work.clips], texts[name])
        result.error_percent.append(round(error, 2))
        result.peak_mb = round(engines[name].peak_bytes / 1e6)


def _rotated(names: Sequence[str], by: int) -> list[str]:
    by %= len(names)
    return [*names[by:], *names[:by]]


def _save(path: Path, results: list[Result]) -> None:
    body = {"machine": machine(), "results": [asdict(result) for result in results]}
    path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def report(results: list[Result]) -> str:
    """A Markdown table for each set and beam, and what ran."""
    keys = dict.fromkeys((result.speech, result.beam) for result in results)
    parts = [_table([r for r in results if (r.speech, r.beam) == key]) for key in keys]
    versions = {f"- {ENGINES[result.engine].title}: {result.version}" for result in results}
    return "\n\n".join([*parts, "\n".join(sorted(versions))])


def _table(results: list[Result]) -> str:
    first = results[0]
    runs = len(first.wall_s)
    title = f"**{first.speech}, beam {first.beam}**: {first.clips} recordings, {first.audio_s:.0f} s; medians of {runs}"
    measure = "WER %" if SETS[first.speech][0] == "en" else "CER %"
    head = ("engine", "wall s", "Care Voice is", "CPU s", "times real time", measure, "peak MB", "load s")
    ours = next((median(r.wall_s) for r in results if r.engine == "care_voice"), None)
    return f"{title}\n\n{table(head, [_row(result, ours) for result in results])}"


def _row(result: Result, ours: float | None) -> list[str]:
    wall = median(result.wall_s)
    return [
        ENGINES[result.engine].title,
        f"{wall:.1f}" + (f" (and {median(result.media_s):.1f} for reading)" if any(result.media_s) else ""),
        f"{wall / ours:.2f} times as fast" if ours and result.engine != "care_voice" else "",
        f"{median(result.cpu_s):.1f}",
        f"{result.audio_s / wall:.1f}",
        f"{median(result.error_percent):.2f}",
        f"{result.peak_mb:.0f}",
        f"{result.load_s:.2f}",
    ]


if __name__ == "__main__":
    main()
