"""Downloads beside huggingface_hub from one local server, and the speed of `models verify` beside `sha256sum`.

    .venv/bin/python benchmarks/download.py [--runs 5] [--json FILE]

Each client runs in a process of its own and fetches the weights of `base` (145 MB, from the verified store) into an
empty directory. Whole downloads are timed by the wall clock from the call to the return, imports excluded; ours has the
verification of the digest in it, which the peer does not do. Cuts: the server closes the connection five times, at set
offsets. Kills: the client is killed with SIGKILL when half of the file has been sent, at 50 MB/s a connection, and
started again. "Fetched again" is what the server sent beyond the size of the file, as a share of it; what a killed
client had not read from its socket counts too, for both.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from care_voice.models.build import build_puller
from care_voice.models.settings import ModelSettings

PROJECT = Path(__file__).resolve().parents[1]
MODEL = "base"
WEIGHTS = "model.bin"
CUTS = [20_000_000, 20_000_000, 20_000_000, 20_000_000, 20_000_000]
PATIENCE_S = 120
PAUSE_MS = 5

OURS = """
import sys, time
from dataclasses import replace
from pathlib import Path
from care_voice.models.build import build_puller
from care_voice.models.catalogue import Catalogue
from care_voice.models.settings import ModelSettings
import huggingface_hub

url, target = sys.argv[1:]
shipped = Catalogue.load().get("base")
weights = tuple(entry for entry in shipped.files if entry.name == "model.bin")
catalogue = Catalogue((replace(shipped, files=weights),))
puller = build_puller(ModelSettings(Path(target), sources=("hub",), hub_endpoint=url), catalogue)
began = time.perf_counter()
puller.pull("base")
print(time.perf_counter() - began)
"""

PEER = """
import sys, time
from huggingface_hub import hf_hub_download

url, target = sys.argv[1:]
began = time.perf_counter()
hf_hub_download("Systran/faster-whisper-base", "model.bin", revision="main", endpoint=url, cache_dir=target)
print(time.perf_counter() - began)
"""
CLIENTS = {"Care Voice": OURS, "huggingface_hub": PEER}


class Hub:
    """The server's own account of what it sent."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str) -> dict[str, int]:
        with urlopen(f"{self.url}{path}", timeout=10) as answer:
            return dict(json.load(answer))

    def begin(self, cuts: list[int], pause_ms: int = 0) -> None:
        self.ask("/begin?" + ",".join(map(str, [*cuts, pause_ms])))

    @property
    def sent(self) -> int:
        return self.ask("/account")["sent"]


@contextmanager
def serving(view: Path, digest: str) -> Iterator[Hub]:
    """The local hub, as a process."""
    command = [sys.executable, str(Path(__file__).with_name("local_hub.py")), str(view), json.dumps({WEIGHTS: digest})]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Hub(int(process.stdout.readline()))
        finally:
            process.kill()


def client(name: str, hub: Hub, target: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment["HF_HUB_DISABLE_XET"] = "1"
    return subprocess.Popen(
        [sys.executable, "-c", CLIENTS[name], hub.url, str(target)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> float | None:
    """Seconds that the download took; None when it failed."""
    out, complaint = process.communicate(timeout=PATIENCE_S)
    if process.returncode:
        print(complaint.strip().splitlines()[-1], file=sys.stderr)
        return None
    return float(out.strip().splitlines()[-1])


def in_empty_directory(work: Callable[[Path], Any]) -> Any:
    target = Path(tempfile.mkdtemp(prefix="download-"))
    try:
        return work(target)
    finally:
        shutil.rmtree(target)


def whole(name: str, hub: Hub, target: Path) -> float | None:
    hub.begin([])
    return finished(client(name, hub, target))


def fetched_again_after_cuts(name: str, hub: Hub, size: int, target: Path) -> str:
    hub.begin(CUTS)
    seconds = finished(client(name, hub, target))
    again = (hub.sent - size) / size
    return f"{again:.2%}" if seconds is not None else f"failed after {hub.sent / size:.0%} of the file"


def fetched_again_after_kill(name: str, hub: Hub, size: int, target: Path) -> str:
    hub.begin([], PAUSE_MS)
    first = client(name, hub, target)
    deadline = time.monotonic() + PATIENCE_S
    while hub.sent < size // 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    first.kill()
    first.communicate()
    seconds = finished(client(name, hub, target))
    return f"{(hub.sent - size) / size:.2%}" if seconds is not None else "failed"


def verify_beside_sha256sum(runs: int) -> tuple[float, float]:
    """Median bytes a second of `store.verify` and of `sha256sum` over the same files, warm."""
    store = build_puller(ModelSettings(PROJECT / "data" / "models")).store
    files = [store.blob_path(entry.sha256) for entry in store.catalogue.get(MODEL).files]
    size = sum(path.stat().st_size for path in files)
    ours, peer = [], []
    for _ in range(runs):
        began = time.perf_counter()
        assert store.verify(MODEL).ok
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        subprocess.run(["sha256sum", *map(str, files)], check=True, capture_output=True)
        peer.append(time.perf_counter() - began)
    return size / statistics.median(ours), size / statistics.median(peer)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    pulled = build_puller(ModelSettings(PROJECT / "data" / "models")).pull(MODEL)
    weights = pulled.view / WEIGHTS
    size, digest = weights.stat().st_size, hashlib.sha256(weights.read_bytes()).hexdigest()
    result: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "bytes": size}
    with serving(pulled.view, digest) as hub:
        seconds: dict[str, list[float]] = {name: [] for name in CLIENTS}
        for _ in range(arguments.runs):
            for name, taken in seconds.items():
                taken.append(in_empty_directory(lambda target, name=name: whole(name, hub, target)))
        for name in CLIENTS:
            result[name] = {
                "whole_s": round(statistics.median(seconds[name]), 3),
                "cuts": in_empty_directory(lambda target, name=name: fetched_again_after_cuts(name, hub, size, target)),
                "kill": in_empty_directory(lambda target, name=name: fetched_again_after_kill(name, hub, size, target)),
            }
    ours, peer = verify_beside_sha256sum(arguments.runs)
    result["verify"] = {
        "ours_mb_s": round(ours / 1e6),
        "sha256sum_mb_s": round(peer / 1e6),
        "ratio": round(ours / peer, 2),
    }
    report(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def report(result: dict[str, Any]) -> None:
    print(f"{result['machine']}; {result['bytes']:,} bytes\n")
    print("| | whole download, s | fetched again after 5 cuts | fetched again after a kill at half |")
    print("|---|---|---|---|")
    for name in CLIENTS:
        row = result[name]
        print(f"| {name} | {row['whole_s']} | {row['cuts']} | {row['kill']} |")
    verify = result["verify"]
    print(f"\nverify {verify['ours_mb_s']} MB/s, sha256sum {verify['sha256sum_mb_s']} MB/s: {verify['ratio']} times")


if __name__ == "__main__":
    main()
