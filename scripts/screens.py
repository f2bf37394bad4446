#!/usr/bin/env python3
"""Makes docs/screens anew: every page, on a phone and a desktop, light and dark, in Chinese and in English.

Starts the real service with an empty data directory, sends it recordings, and looks at its pages with Chromium:

    PYTHONPATH=tests .venv/bin/python scripts/screens.py
"""

from __future__ import annotations

import io
import itertools
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
from playwright.sync_api import Browser, Page, sync_playwright

from support.browsers import QUIET_CHROMIUM, PlaywrightTab
from support.furnished import Home, furnish, show
from support.record_page import MICROPHONE_RATE, microphone_file
from support.server import running_service
from support.sound import decoded

PROJECT = Path(__file__).resolve().parents[1]
SPEECH = PROJECT.parent / "shared" / "speech"
TARGET = PROJECT / "docs" / "screens"
PAGES = ("record", "library", "trash", "transcript", "models", "settings", "help", "not-found", "form")
SIZES = {"phone": {"width": 390, "height": 844}, "desktop": {"width": 1280, "height": 900}}
SCHEMES = ("light", "dark")
LOCALES = {"zh-TW": "zh-TW", "en": "en-US"}
QUALITY = "72"
"""Of 100: text stays sharp, and a picture takes some 20 kB."""

PATIENCE_MS = 60_000


def main() -> int:
    """Returns 1 where the browser or the speech to record is missing."""
    chromium = shutil.which("chromium")
    if chromium is None or not SPEECH.is_dir():
        print(f"chromium and {SPEECH} are needed", file=sys.stderr)
        return 1
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as data, running_service(Path(data), PROJECT / "data" / "models") as service:
        home = Home(service, furnish(service.client, SPEECH))
        with sync_playwright() as playwright:
            heard = microphone_file(Path(data) / "heard.wav", decoded(SPEECH / "en" / "jfk.flac", MICROPHONE_RATE))
            browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET_CHROMIUM, *heard])
            for page, name in windows(browser):
                take_all(page, home, name)
            browser.close()
    total = sum(path.stat().st_size for path in TARGET.iterdir())
    print(f"{len(list(TARGET.iterdir()))} pictures, {total / 1e6:.1f} MB")
    return 0


def windows(browser: Browser) -> Iterator[tuple[Page, str]]:
    """A window of each kind, and what the names of its pictures end in."""
    for (size, viewport), scheme, (tag, locale) in itertools.product(SIZES.items(), SCHEMES, LOCALES.items()):
        context = browser.new_context(viewport=viewport, color_scheme=scheme, locale=locale, reduced_motion="reduce")
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        yield page, f"{size}-{scheme}-{tag}"
        context.close()


def take_all(page: Page, home: Home, name: str) -> None:
    for each in PAGES:
        show(PlaywrightTab(page), home.address(each))
        page.wait_for_load_state("networkidle")
        take(page, f"{each}-{name}")
    show(PlaywrightTab(page), home.address("record"))
    page.get_by_test_id("record").click()
    page.get_by_text("0:03").first.wait_for()
    take(page, f"recording-{name}")
    page.get_by_test_id("discard").click()
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.get_by_role("alertdialog").get_by_role("button").last.click()


def take(page: Page, name: str) -> None:
    """What the window shows, as a WebP file. The encoder gets the colours as they are, and converts them itself."""
    picture = av.open(io.BytesIO(page.screenshot()))
    frame = next(picture.decode(video=0)).reformat(format="bgra")
    with av.open(str(TARGET / f"{name}.webp"), "w") as file:
        stream = file.add_stream("libwebp", rate=1, options={"quality": QUALITY, "preset": "text"})
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "bgra"
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


if __name__ == "__main__":
    sys.exit(main())
