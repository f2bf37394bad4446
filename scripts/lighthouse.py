#!/usr/bin/env python3
"""Measures every page with Lighthouse for a phone, and ends with an error where a median is below 95.

Starts the real service with an empty data directory, sends it recordings, and opens its pages with the system's
Chromium; Lighthouse itself is installed once, into data/lighthouse:

    PYTHONPATH=tests .venv/bin/python scripts/lighthouse.py [runs] [page ...]

A busy machine measures itself: Lighthouse multiplies what the processor took by four, waiting included.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from support.furnished import Home, furnish
from support.server import running_service

PROJECT = Path(__file__).resolve().parents[1]
SPEECH = PROJECT.parent / "shared" / "speech"
CACHE = PROJECT / "data" / "lighthouse"
VERSION = "13.5.0"
PAGES = ("record", "library", "transcript", "models", "settings", "help")
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
AUDITS = {
    "first-contentful-paint": "ms", "largest-contentful-paint": "ms", "total-blocking-time": "ms",
    "cumulative-layout-shift": "",
}  # fmt: skip
WANTED = 95
RUNS = 5
FLAGS = "--headless=new --no-sandbox --disable-gpu --lang=zh-TW --accept-lang=zh-TW"
LONGEST_S = 180


def main(runs: int, pages: list[str]) -> int:
    """Returns 1 where a page is not good enough, and 2 where something to measure with is missing."""
    chromium, npm = shutil.which("chromium"), shutil.which("npm")
    if chromium is None or npm is None or not SPEECH.is_dir():
        print(f"chromium, npm and {SPEECH} are needed", file=sys.stderr)
        return 2
    lighthouse = installed(npm)
    print(f"Lighthouse {VERSION}, median of {runs}; load of the machine {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as data, running_service(Path(data), PROJECT / "data" / "models") as service:
        home = Home(service, furnish(service.client, SPEECH))
        good = [
            report(page, [measured(lighthouse, chromium, home.address(page)) for _ in range(runs)]) for page in pages
        ]
    return 0 if all(good) else 1


def installed(npm: str) -> Path:
    """The program, from the registry where this version is not here yet."""
    program = CACHE / VERSION / "node_modules" / ".bin" / "lighthouse"
    if not program.is_file():
        (CACHE / VERSION).mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", f"lighthouse@{VERSION}"]
        subprocess.run(command, cwd=CACHE / VERSION, check=True)
    return program


def measured(lighthouse: Path, chromium: str, address: str) -> dict[str, Any]:
    """What Lighthouse found out about a page. It imitates a phone and its network by calculation, its default."""
    command = [str(lighthouse), address, "--quiet", "--output=json", f"--chrome-flags={FLAGS}"]
    command.append(f"--only-categories={','.join(CATEGORIES)}")
    environment = {**os.environ, "CHROME_PATH": chromium}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, timeout=LONGEST_S)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(page: str, results: list[dict[str, Any]]) -> bool:
    """Prints a line about a page; whether it is good enough."""
    scores = {name: median(result["categories"][name]["score"] * 100 for result in results) for name in CATEGORIES}
    audits = {name: median(result["audits"][name]["numericValue"] for result in results) for name in AUDITS}
    values = [f"{name} {score:.0f}" for name, score in scores.items()]
    values += [f"{name} {audits[name]:.{0 if unit else 3}f}{unit}" for name, unit in AUDITS.items()]
    print(f"{page}: {', '.join(values)}", flush=True)
    return min(scores.values()) >= WANTED


if __name__ == "__main__":
    arguments = sys.argv[1:]
    times = int(arguments.pop(0)) if arguments and arguments[0].isdigit() else RUNS
    sys.exit(main(times, arguments or list(PAGES)))
