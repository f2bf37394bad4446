"""Serving: many users at once, a short request beside a long file, and what the service costs over the engine alone.

    .venv/bin/python benchmarks/serving.py [many] [beside] [overhead] [--runs 5] [--clients 16] [--json FILE] [...]

Same weights, same clips (English utterances of ../shared/speech, told that they are English), same beam, and one server
at a time on the machine.

many: clients send utterances without pause through the API, each the next clip of the list, for a set time. A run is
Care Voice and then the one-at-a-time faster-whisper server of `peers/`; the runs alternate, so that both meet the same
disturbances. beside: one client sends clips of about 5 s, on an idle service and while a long file (recordings of the
set joined to an hour) is being transcribed. overhead: one client, one clip after the other through the API, each right
before or after the same clip is read, cut and transcribed by the engine's own parts in one process; per clip the median
of the runs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from care_voice.app import usable_cpus
from care_voice.config import load_settings
from care_voice.engine.protocol import SAMPLE_RATE, DecodeWindow, LoadEngine, MediaWindow, OpenMedia, VadOptions

PROJECT = Path(__file__).resolve().parents[1]
SPEECH = PROJECT.parent / "shared" / "speech"
PORT = 38917
URL = f"http://127.0.0.1:{PORT}"
READY_S = 120.0
PEER_COMMAND = [
    sys.executable, "-m", "uvicorn", "--app-dir", str(PROJECT / "benchmarks/peers"), "faster_whisper_server:app",
    "--port", str(PORT), "--log-level", "warning",
]  # fmt: skip


def clips(seconds: tuple[float, float]) -> list[Path]:
    """English utterances whose length is within the bounds."""
    rows = [json.loads(line) for line in (SPEECH / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    low, high = seconds
    return [
        SPEECH / row["file"]
        for row in rows
        if row["language"] == "en" and row["kind"] == "utterance" and low <= row["duration_s"] <= high
    ]


@contextmanager
def server(command: Sequence[str], variables: Mapping[str, str]) -> Iterator[None]:
    """A server that is ready, on the port of the benchmark."""
    process = subprocess.Popen(command, env={**os.environ, **variables}, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_S
        while not _is_ready():
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < deadline, "the server does not become ready"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _is_ready() -> bool:
    try:
        return httpx.get(f"{URL}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@contextmanager
def care_voice(arguments: argparse.Namespace) -> Iterator[None]:
    """Care Voice with the settings of the environment and of the command line, and data of its own."""
    with tempfile.TemporaryDirectory(prefix="care-voice-bench-") as data_dir:
        variables = {
            "CARE_VOICE_DATA_DIR": data_dir,
            "CARE_VOICE_MODELS__DIRECTORY": str(load_settings().models.directory),
            "CARE_VOICE_MODEL": arguments.model,
            "CARE_VOICE_API__PORT": str(PORT),
            "CARE_VOICE_TRANSCRIPTION__BEAM_SIZE": str(arguments.beam_size),
            "CARE_VOICE_LOG_LEVEL": "error",
        }
        if arguments.workers:
            variables["CARE_VOICE_ENGINE__WORKERS"] = str(arguments.workers)
        with server([sys.executable, "-m", "care_voice", "serve"], variables):
            yield


@contextmanager
def faster_whisper(arguments: argparse.Namespace) -> Iterator[None]:
    """The 30-line server, on the same verified files, or on those that the graphs were made from."""
    view = load_settings().models.directory / "views" / arguments.model.removesuffix("-onnx-int8")
    with server(PEER_COMMAND, {"MODEL_DIR": str(view), "BEAM_SIZE": str(arguments.beam_size)}):
        yield


def ask(client: httpx.Client, clip: Path) -> float:
    """One request; its seconds."""
    content, began = clip.read_bytes(), time.perf_counter()
    answer = client.post(
        "/v1/audio/transcriptions", files={"file": ("a", content)}, data={"model": "whisper-1", "language": "en"}
    )
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - began


def percentile(values: Sequence[float], percent: int) -> float:
    """The value below which so many percent lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def load(count: int, seconds: float) -> dict[str, float]:
    """Many clients without pause: a request counts for the rate when it ends within the time."""
    chosen, until, taken = clips((1, 30)), time.perf_counter() + seconds, list[float]()
    ended_in_time = itertools.count()

    def one(number: int) -> None:
        with httpx.Client(base_url=URL, timeout=600, headers={"Authorization": f"Bearer {number}"}) as client:
            for clip in itertools.islice(itertools.cycle(chosen), number * 3, None):
                if time.perf_counter() > until:
                    return
                taken.append(ask(client, clip))
                if time.perf_counter() <= until:
                    next(ended_in_time)

    with ThreadPoolExecutor(count) as pool:
        for client in [pool.submit(one, number) for number in range(count)]:
            client.result()
    return {"per_s": next(ended_in_time) / seconds, "p50_s": percentile(taken, 50), "p95_s": percentile(taken, 95)}


def many(arguments: argparse.Namespace) -> dict[str, Any]:
    """Target 3."""
    found: dict[str, list[dict[str, float]]] = {"Care Voice": [], "faster-whisper": []}
    for _ in range(arguments.runs):
        for name, service in (("Care Voice", care_voice), ("faster-whisper", faster_whisper)):
            with service(arguments):
                load(arguments.clients, 5)
                found[name].append(load(arguments.clients, arguments.seconds))
                print(name, found[name][-1], file=sys.stderr)
    medians = {name: {key: median(run[key] for run in runs) for key in runs[0]} for name, runs in found.items()}
    ours, peer = medians["Care Voice"], medians["faster-whisper"]
    return {**medians, "times_the_rate": ours["per_s"] / peer["per_s"], "p95_ratio": ours["p95_s"] / peer["p95_s"]}


def beside(arguments: argparse.Namespace) -> dict[str, Any]:
    """Target 4."""
    chosen = clips((4, 6.5))
    with care_voice(arguments), httpx.Client(base_url=URL, timeout=600) as client, tempfile.TemporaryDirectory() as d:
        long = _joined(Path(d), arguments.long_s)
        ask(client, chosen[0])
        idle = [ask(client, clip) for _ in range(arguments.runs) for clip in chosen]
        ended = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            uploading = pool.submit(_transcribe_until, long, ended)
            time.sleep(3)
            busy = [ask(client, clip) for _ in range(arguments.runs) for clip in chosen]
            assert not uploading.done(), "the long file ended before the short ones"
            ended.set()
            windows = uploading.result()
    return {
        "requests": len(idle),
        "idle_p95_s": percentile(idle, 95),
        "beside_p95_s": percentile(busy, 95),
        "idle_p50_s": percentile(idle, 50),
        "beside_p50_s": percentile(busy, 50),
        "ratio_p95": percentile(busy, 95) / percentile(idle, 95),
        "events_of_the_long_file_meanwhile": windows,
    }


def _joined(directory: Path, seconds: float) -> Path:
    """The long recordings of the set, one after the other, as one file."""
    import av  # noqa: PLC0415 - needed for this measurement alone

    target, wanted = directory / "long.flac", seconds * SAMPLE_RATE
    with av.open(str(target), "w") as out:
        stream = out.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        for path in itertools.cycle(sorted((SPEECH / "long").iterdir())):
            resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE)
            with av.open(str(path)) as source:
                for frame in itertools.chain.from_iterable(map(resampler.resample, source.decode(audio=0))):
                    frame.pts = None
                    out.mux(stream.encode(frame))
                    wanted -= frame.samples
            if wanted <= 0:
                break
        out.mux(stream.encode(None))
    return target


def _transcribe_until(path: Path, ended: threading.Event) -> int:
    """Stream a long file's transcription until it is no longer wanted; the events that came."""
    data = {"model": "whisper-1", "language": "en", "stream": "true"}
    events = 0
    with (
        httpx.Client(base_url=URL, timeout=600, headers={"Authorization": "Bearer long"}) as client,
        path.open("rb") as file,
        client.stream("POST", "/v1/audio/transcriptions", data=data, files={"file": ("long", file)}) as answer,
    ):
        for line in answer.iter_lines():
            events += line.startswith("data:")
            if ended.is_set():
                break
    return events


def overhead(arguments: argparse.Namespace) -> dict[str, Any]:
    """Target 6: each clip through the API and by the engine's parts in this process, one right after the other."""
    chosen = clips((2, 20))[:: max(1, len(clips((2, 20))) // arguments.overhead_clips)]
    served, alone = [list[float]() for _ in chosen], [list[float]() for _ in chosen]
    with care_voice(arguments), httpx.Client(base_url=URL, timeout=600) as client:
        bare = Bare(arguments)
        for n in range(arguments.runs + 1):
            for clip, ours, its in zip(chosen, served, alone, strict=True):
                pair = [(ours, lambda clip=clip: ask(client, clip)), (its, lambda clip=clip: bare.transcribe(clip))]
                for times, measured in pair if n % 2 else reversed(pair):
                    seconds = measured()
                    if n > 0:  # the first round warms both up
                        times.append(seconds)
    ours, its = [median(times) for times in served], [median(times) for times in alone]
    return {
        "clips": len(chosen),
        "served_s": sum(ours),
        "bare_s": sum(its),
        "overhead_ms": 1000 * median([one - other for one, other in zip(ours, its, strict=True)]),
        "overhead_percent": 100 * (sum(ours) / sum(its) - 1),
    }


class Bare:
    """The engine's own parts in this process: reading, cutting, decoding."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from care_voice.engine.media import MediaReader  # noqa: PLC0415 - needed for this measurement alone
        from care_voice.engine.windows import WindowDecoder  # noqa: PLC0415

        view = load_settings().models.directory / "views" / arguments.model
        self._reader = MediaReader()
        self._decoder = WindowDecoder(LoadEngine(arguments.model, str(view), "auto", "auto", usable_cpus()))
        self._beam_size: int = arguments.beam_size

    def transcribe(self, clip: Path) -> float:
        """Its seconds."""
        began = time.perf_counter()
        for event in self._reader.read(OpenMedia(1, "bench", str(clip), 3600.0, VadOptions())):
            if isinstance(event, MediaWindow):
                ladder = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
                self._decoder.decode(
                    DecodeWindow(1, "bench", event.pcm, event.start_s, event.speech, "en", (), "transcribe", None,
                                 ladder, self._beam_size)
                )  # fmt: skip
        return time.perf_counter() - began


def main() -> None:
    measurements = {"many": many, "beside": beside, "overhead": overhead}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=[[], *measurements], help="all of them by default")
    parser.add_argument("--model", default="base")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--workers", type=int, default=0, help="engine workers of Care Voice; 0 leaves its default")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of one run of `many`")
    parser.add_argument("--long-s", type=float, default=3600.0, help="length of the long file of `beside`")
    parser.add_argument("--overhead-clips", type=int, default=20)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {usable_cpus()} CPUs, Python {platform.python_version()}", file=sys.stderr)
    figures = {name: measurements[name](arguments) for name in arguments.what or measurements}
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
