"""From the last byte of a recording to its stored transcript, over the engine's own time for the same clip.

    .venv/bin/python benchmarks/recordings.py [--clip FILE] [--runs 10] [--model base] [--beam-size 5] [--json FILE]

A clip is uploaded but for its last byte. The clock runs from when that byte is sent to when the event log tells of the
transcript, which is then in the database. Right before or after it the same clip is read, cut
and transcribed by the engine's own parts in one process, as in `serving.py overhead`; the order changes each time.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import threading
import time
from pathlib import Path
from statistics import median

import httpx

from measure import machine
from serving import SPEECH, URL, Bare, care_voice

TUS = {"Tus-Resumable": "1.0.0"}
METADATA = f"language {base64.b64encode(b'en').decode()}"


def stored(client: httpx.Client, content: bytes) -> float:
    """Seconds from the last byte to the transcript in the store."""
    created = client.post(
        "/api/v1/uploads", headers={**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": METADATA}
    )
    assert created.status_code == 201, created.text
    recording_id = created.headers["Location"].rsplit("/", 1)[1]
    append(client, recording_id, 0, content[:-1])
    listening, told = threading.Event(), list[float]()
    listener = threading.Thread(target=hear, args=(recording_id, listening, told))
    listener.start()
    listening.wait(30)
    began = time.perf_counter()
    append(client, recording_id, len(content) - 1, content[-1:])
    listener.join(120)
    # The copy for playback is made after the transcript; the next run begins when the machine is idle again.
    while any(job["state"] in ("queued", "running") for job in jobs_of(client, recording_id)):
        time.sleep(0.05)
    return told[0] - began


def append(client: httpx.Client, recording_id: str, offset: int, content: bytes) -> None:
    headers = {**TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
    answer = client.patch(f"/api/v1/uploads/{recording_id}", content=content, headers=headers)
    assert answer.status_code == 204, answer.text


def hear(recording_id: str, listening: threading.Event, told: list[float]) -> None:
    """Note when the event log tells of the transcript."""
    with (
        httpx.Client(base_url=URL, timeout=120) as client,
        client.stream("GET", f"/api/v1/recordings/{recording_id}/events") as events,
    ):
        for line in events.iter_lines():
            listening.set()
            if line == "event: transcript.created":
                told.append(time.perf_counter())
                return


def jobs_of(client: httpx.Client, recording_id: str) -> list[dict[str, str]]:
    answer = client.get(f"/api/v1/recordings/{recording_id}/jobs")
    return list(answer.json()["items"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=SPEECH / "en/jfk.flac", help="11 s by default")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--model", default="base")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0, help="engine workers; 0 leaves the default")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    content, ours, its = arguments.clip.read_bytes(), list[float](), list[float]()
    with care_voice(arguments), httpx.Client(base_url=URL, timeout=120) as client:
        bare = Bare(arguments)
        for n in range(arguments.runs + 1):
            pair = [(ours, lambda: stored(client, content)), (its, lambda: bare.transcribe(arguments.clip))]
            for times, measured in pair if n % 2 else reversed(pair):
                seconds = measured()
                if n > 0:  # the first round warms both up
                    times.append(seconds)
    figures = {"stored_s": median(ours), "bare_s": median(its), "ratio": median(ours) / median(its), "runs": len(ours)}
    print(machine(), file=sys.stderr)
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
