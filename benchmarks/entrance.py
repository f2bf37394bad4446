"""What the entrance costs: requests straight to the service and through HAProxy, and what it holds while they wait.

    .venv/bin/python benchmarks/entrance.py [--runs 7] [--requests 200] [--json FILE]

One client with one connection. The ways take turns, so that both meet the same disturbances: a request of
each, again and again. Per way the median of all requests; the ratio is that of the medians. held: many clients send a
body each while no slot is there, and the memory of HAProxy is read.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from care_voice.ops.entrance.keeper import Entrance
from care_voice.ops.entrance.settings import EntranceSettings
from measure import machine, peak_bytes, table
from serving import PORT, SPEECH, URL, care_voice, percentile

ENTRANCE_PORT, GREEN_PORT, METRICS_PORT = PORT + 1, PORT + 2, PORT + 3
UPLOAD_BYTES = 64 << 20
BODY_BYTES = 900_000
HELD = 200
TUS = {"Tus-Resumable": "1.0.0"}
Figures = dict[str, list[float]]


@contextmanager
def entrance(folder: Path) -> Iterator[Entrance]:
    """Before the service of `serving`."""
    settings = EntranceSettings(
        host="127.0.0.1",
        port=ENTRANCE_PORT,
        blue_port=PORT,
        green_port=GREEN_PORT,
        metrics_port=METRICS_PORT,
        max_requests_per_address=0,
    )
    built = Entrance(settings, folder)
    built.ensure()
    try:
        built.set_weights({"blue": 256})
        built.set_maintenance("green")
        while built.stats()["blue"].state != "up":
            time.sleep(0.05)
        yield built
    finally:
        built.stop(1)


def timed(client: httpx.Client, method: str, path: str, **request: Any) -> float:
    """Seconds to the whole answer."""
    began = time.perf_counter()
    answer = client.request(method, path, **request)
    spent = time.perf_counter() - began
    answer.raise_for_status()
    return spent


def upload(client: httpx.Client) -> float:
    """Seconds for a large part, which is passed on while it comes and kept on disk before it is answered."""
    begun = client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(2 * UPLOAD_BYTES)})
    address = begun.headers["Location"]
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    spent = timed(client, "PATCH", address, content=bytes(UPLOAD_BYTES), headers=headers)
    client.delete(address, headers=TUS)
    return spent


def one_run(clients: dict[str, httpx.Client], requests: int, figures: dict[str, Figures]) -> None:
    clip = (SPEECH / "en" / "jfk.flac").read_bytes()
    for _ in range(requests):
        for way, client in clients.items():
            figures["a small answer"][way].append(timed(client, "GET", "/health/live"))
            figures["a page of the library"][way].append(timed(client, "GET", "/api/v1/recordings"))
    for way, client in clients.items():
        figures["a clip of 11 s transcribed"][way].append(
            timed(
                client,
                "POST",
                "/v1/audio/transcriptions",
                files={"file": ("a.flac", clip)},
                data={"model": "whisper-1"},
            )
        )
        figures["an upload of 64 MiB"][way].append(upload(client))


def held(built: Entrance) -> dict[str, float]:
    """HAProxy's memory before and while it keeps the bodies of requests that wait for a slot."""
    pid = built.running
    assert pid is not None
    before = peak_bytes(pid)
    head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BODY_BYTES}\r\n\r\n".encode()
    with ExitStack() as stack:
        for _ in range(HELD):
            talk = stack.enter_context(socket.create_connection(("127.0.0.1", ENTRANCE_PORT)))
            talk.sendall(head + bytes(BODY_BYTES))
        time.sleep(2)  # every body is there by then, and none is given up yet
        return {"before_mb": before / 1e6, "peak_mb": peak_bytes(pid) / 1e6, "clients": HELD, "body_bytes": BODY_BYTES}


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    names = ("a small answer", "a page of the library", "a clip of 11 s transcribed", "an upload of 64 MiB")
    figures: dict[str, Figures] = {name: {"direct": [], "through": []} for name in names}
    with tempfile.TemporaryDirectory(prefix="care-voice-") as folder, ExitStack() as stack:
        with care_voice(arguments):
            built = stack.enter_context(entrance(Path(folder)))
            addresses = {"direct": URL, "through": f"http://127.0.0.1:{ENTRANCE_PORT}"}
            clients = {
                way: stack.enter_context(httpx.Client(base_url=url, timeout=120)) for way, url in addresses.items()
            }
            one_run(clients, 20, {name: {"direct": [], "through": []} for name in names})
            for _ in range(arguments.runs):
                one_run(clients, arguments.requests, figures)
        return {"requests": figures, "held": held(built)}


def report(found: dict[str, Any]) -> None:
    rows = []
    for name, ways in found["requests"].items():
        direct, through = median(ways["direct"]), median(ways["through"])
        tail = f"{percentile(ways['direct'], 95) * 1000:.2f} / {percentile(ways['through'], 95) * 1000:.2f}"
        shown = (f"{direct * 1000:.2f}", f"{through * 1000:.2f}", f"{(through - direct) * 1000:.2f}")
        rows.append((name, *shown, f"{through / direct:.2f}", tail, len(ways["direct"])))
    print(f"{machine()}\n")
    print(table(("", "direct, ms", "through, ms", "more, ms", "ratio", "95 %", "requests"), rows))
    kept = found["held"]
    print(f"\n{kept['clients']} bodies of {kept['body_bytes']} bytes held: {kept['before_mb']:.0f} MB before, ", end="")
    print(f"{kept['peak_mb']:.0f} MB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--model", default="base")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found = measured(arguments)
    report(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    os.environ.setdefault("CARE_VOICE_ENGINE__RUNTIME", "ctranslate2")
    sys.exit(main())
