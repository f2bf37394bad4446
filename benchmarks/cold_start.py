"""From the start of a process to the first transcript. Target 7 of the README.

    .venv/bin/python benchmarks/peers/install.py faster_whisper
    .venv/bin/python benchmarks/cold_start.py [--runs 5] [--json FILE]

Care Voice: `care-voice serve` on a free port, in a data directory of the benchmark, with the verified model store; a
client asks whether it is ready, every 20 ms, and then sends the clip of the self-test (3.8 s) through the API. The
peer: a script that imports faster-whisper, loads the same weights and decodes the same clip. Both take turns; one run
of each, not counted, warms the files, and in it Care Voice measures which runtime is the faster one, as it does once on
each machine. Times are wall time from the spawn, medians.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.resources import as_file, files
from pathlib import Path
from statistics import median
from typing import Any

from care_voice.service.selftest import CLIP, missed_words
from measure import cpu_seconds, machine, table

PROJECT = Path(__file__).resolve().parents[1]
PEERS = PROJECT / "data" / "peers"
POLL_S = 0.02
PATIENCE_S = 120


@dataclass
class Start:
    """One start; `stages` are those of /health/startup, `marks` when something was first seen, in seconds."""

    transcript_s: float
    cpu_s: float
    marks: dict[str, float] = field(default_factory=dict)
    stages: dict[str, float] = field(default_factory=dict)


def main() -> None:
    arguments = _arguments()
    with as_file(files("care_voice.service").joinpath(CLIP)) as clip, tempfile.TemporaryDirectory() as directory:
        starters: dict[str, Callable[[], Start]] = {
            "care_voice": lambda: care_voice(clip, arguments.model, Path(directory)),
            "faster_whisper": lambda: faster_whisper(clip, _parent(arguments.model), arguments.threads),
        }
        starts: dict[str, list[Start]] = {name: [] for name in starters}
        for run in range(arguments.runs + 1):
            for name in list(starters)[:: 1 if run % 2 else -1]:
                start = starters[name]()
                if run > 0:
                    starts[name].append(start)
    report(starts)
    if arguments.json:
        body = {"machine": machine(), **{name: [asdict(each) for each in found] for name, found in starts.items()}}
        arguments.json.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="base", help="what Care Voice serves; the peer loads its parent")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def _parent(model: str) -> str:
    """The model that a derived one was made from: the same weights, in the form that the peer reads."""
    return model.removesuffix("-onnx-int8").removesuffix("-int8")


def care_voice(clip: Path, model: str, directory: Path) -> Start:
    """Start the service, send the clip when it is ready, and end the service."""
    port, log = _free_port(), directory / "log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "care_voice", "serve"],
            env=_environment(directory, port, model),
            stdout=output,
            stderr=output,
        )
    try:
        return _first_transcript(process, port, began, _form(clip, model))
    except (RuntimeError, AssertionError):
        print(log.read_text(encoding="utf-8")[-5000:], file=sys.stderr)
        raise
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _first_transcript(process: subprocess.Popen[bytes], port: int, began: float, form: tuple[bytes, str]) -> Start:
    marks: dict[str, float] = {}
    while (status := _ask(port, "GET", "/health/ready")[0]) != 200:
        if status and "answers" not in marks:
            marks["answers"] = time.perf_counter() - began
        if process.poll() is not None or time.perf_counter() - began > PATIENCE_S:
            raise RuntimeError("the service did not become ready")
        time.sleep(POLL_S)
    marks["ready"] = time.perf_counter() - began
    status, answer = _ask(port, "POST", "/v1/audio/transcriptions", *form)
    seconds = time.perf_counter() - began
    cpu_s = cpu_seconds(process.pid)
    assert status == 200, answer
    assert not missed_words(json.loads(answer)["text"])
    board = json.loads(_ask(port, "GET", "/health/startup")[1])
    stages = {stage["name"]: stage["seconds"] for stage in board["stages"]}
    marks = {"stages begin, about": marks["ready"] - board["total_s"], **marks, "transcript": seconds}
    return Start(seconds, cpu_s, marks, {**stages, "stages together": board["total_s"]})


def _ask(port: int, method: str, path: str, body: bytes = b"", content_type: str = "") -> tuple[int, bytes]:
    """Status and body; status 0 while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body or None, {"Content-Type": content_type} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except ConnectionRefusedError:
        return 0, b""
    finally:
        connection.close()


def _form(clip: Path, model: str) -> tuple[bytes, str]:
    """The request as multipart/form-data, and its content type."""
    boundary = uuid.uuid4().hex
    head = f"--{boundary}\r\nContent-Disposition: form-data; name="
    fields = {"model": model, "language": "en"}
    parts = [f'{head}"{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    parts.append(f'{head}"file"; filename="{clip.name}"\r\n\r\n')
    body = "".join(parts).encode() + clip.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def _environment(directory: Path, port: int, model: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARE_VOICE_")}
    return {
        **inherited,
        "CARE_VOICE_DATA_DIR": str(directory),
        "CARE_VOICE_MODELS__DIRECTORY": str(PROJECT / "data" / "models"),
        "CARE_VOICE_MODEL": model,
        "CARE_VOICE_API__PORT": str(port),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def faster_whisper(clip: Path, model: str, threads: int) -> Start:
    """Run the peer's script; its end is not waited for."""
    script = PROJECT / "benchmarks" / "peers" / "first_transcript.py"
    view = PROJECT / "data" / "models" / "views" / model
    began = time.perf_counter()
    command = [PEERS / "faster_whisper" / "bin" / "python", script, view, str(threads), clip]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = process.stdout.readline()
        seconds = time.perf_counter() - began
        cpu_s = cpu_seconds(process.pid)
    assert not missed_words(text)
    return Start(seconds, cpu_s)


def report(starts: dict[str, list[Start]]) -> None:
    """The comparison, and where Care Voice's time goes."""
    ours, peer = starts["care_voice"], starts["faster_whisper"]
    print(f"{machine()}; medians of {len(ours)}\n")
    rows = [[name, *_figures(found)] for name, found in (("Care Voice", ours), ("faster-whisper script", peer))]
    print(table(("", "first transcript, s", "CPU s", "least s", "most s"), rows))
    print("\n" + table(("Care Voice", "s"), [*_medians(ours, "marks"), *_medians(ours, "stages")]))


def _figures(starts: list[Start]) -> list[str]:
    seconds = [start.transcript_s for start in starts]
    cpu_s = median(start.cpu_s for start in starts)
    return [f"{value:.2f}" for value in (median(seconds), cpu_s, min(seconds), max(seconds))]


def _medians(starts: list[Start], what: str) -> list[tuple[str, str]]:
    each: list[dict[str, Any]] = [getattr(start, what) for start in starts]
    return [(name, f"{median(values[name] for values in each):.3f}") for name in each[0]]


if __name__ == "__main__":
    main()
