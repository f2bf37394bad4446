"""A newcomer's seconds: from opening the page to an exported file with a corrected word, without the speech itself.

    .venv/bin/python benchmarks/newcomer.py [--clip FILE] [--runs 5] [--model base] [--json FILE]

A real Chromium, without anything in its cache, hears the clip at its microphone and presses what the test of the six
presses does (tests/browser/engines/test_newcomer.py), each as soon as the page offers it. What is left is what a person
waits for the app; the time to read, to look for a button and to type comes on top of it. The service is ready and has
its model in memory.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from playwright.sync_api import Page, Playwright, sync_playwright

from measure import machine, table
from serving import PROJECT, SPEECH, URL, care_voice

sys.path.insert(0, str(PROJECT / "tests"))
from support.browsers import QUIET_CHROMIUM
from support.record_page import MICROPHONE_RATE, microphone_file
from support.sound import decoded, silence

PATIENCE_MS = 120_000
WORD = "Amlodipine."
CLOCK_IS_PAST = """wanted => (document.querySelector("[data-testid=timer]")?.innerText ?? "") >= wanted"""
QUIET_S, LONG_S = 0.5, 60.0


class Newcomer:
    """Somebody who has never been here; `seconds` says for each step how long it took."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.seconds: dict[str, float] = {}

    def walk(self, clip_s: float) -> None:
        """From nothing to a file with a corrected word. While the clip is heard no clock runs."""
        with self._step("until it records"):
            self.page.goto(URL)
            self._press("record")
            self._see("timer")
        self.page.wait_for_function(CLOCK_IS_PAST, arg=clock(clip_s + QUIET_S))
        with self._step("from stop to the text on its page"):
            self._press("stop")
            self._press("open-recording")
            self._see("edit-line")
        with self._step("a word corrected and saved"):
            self._press("edit-line")
            self.page.keyboard.press("End")
            self.page.keyboard.type(f" {WORD}")
            self.page.keyboard.press("Enter")
            self.page.get_by_test_id("line-input").wait_for(state="detached")
        with self._step("exported"):
            self._press("export")
            with self.page.expect_download() as saved:
                self._press("export-txt")
            assert WORD in Path(saved.value.path()).read_text(encoding="utf-8")

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - began

    def _press(self, name: str) -> None:
        self.page.get_by_test_id(name).first.click()

    def _see(self, name: str) -> None:
        self.page.get_by_test_id(name).first.wait_for()


def clock(seconds: float) -> str:
    """As the page writes it, one second later: all of the clip has been heard then."""
    whole = int(seconds) + 1
    return f"{whole // 60}:{whole % 60:02}"


def measured(playwright: Playwright, flags: list[str], clip_s: float) -> dict[str, float]:
    """Seconds of each step of one newcomer, in a browser of his own."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=[*QUIET_CHROMIUM, *flags])
    try:
        page = browser.new_context(locale="zh-TW", viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        newcomer = Newcomer(page)
        newcomer.walk(clip_s)
        return newcomer.seconds
    finally:
        browser.close()


def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("no Chromium here: scripts/system-packages.sh installs it")
    return found


def settle(client: httpx.Client) -> None:
    """The next run begins when the copy for playback of this one is made."""
    newest = client.get("/api/v1/recordings").json()["items"][0]["id"]
    while any(
        job["state"] in ("queued", "running") for job in client.get(f"/api/v1/recordings/{newest}/jobs").json()["items"]
    ):
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=SPEECH / "en/ls-3331-159605-0007.flac", help="4.5 s by default")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="base")
    parser.add_argument("--beam-size", type=int, default=5)
    parser.add_argument("--workers", type=int, default=0, help="engine workers; 0 leaves the default")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    clip = decoded(arguments.clip, MICROPHONE_RATE)
    clip_s = len(clip) / MICROPHONE_RATE
    sounds = (silence(QUIET_S, MICROPHONE_RATE), clip, silence(LONG_S, MICROPHONE_RATE))
    with (
        tempfile.TemporaryDirectory(prefix="care-voice-bench-") as directory,
        care_voice(arguments),
        httpx.Client(base_url=URL, timeout=120) as client,
        sync_playwright() as playwright,
    ):
        flags = microphone_file(Path(directory) / "microphone.wav", np.concatenate(sounds))
        runs = []
        for n in range(arguments.runs + 1):
            run = measured(playwright, flags, clip_s)
            settle(client)
            if n > 0:  # the first one warms the service and the disk's cache up
                runs.append(run)
    totals = [sum(run.values()) for run in runs]
    columns = {**{step: [run[step] for run in runs] for step in runs[0]}, "all": totals}
    rows = [[step, *(f"{of(times):.2f}" for of in (median, min, max))] for step, times in columns.items()]
    print(f"{machine()}, load {os.getloadavg()[0]:.1f}, {len(runs)} runs, {clip_s:.1f} s of speech", file=sys.stderr)
    print(table(["seconds", "median", "least", "most"], rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
