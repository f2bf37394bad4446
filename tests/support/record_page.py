"""The page that records, as a test uses it: opened in a browser, and read when there is a transcript."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
from playwright.sync_api import Browser, BrowserContext, Page, expect
from whisper_normalizer.english import EnglishTextNormalizer

from support.browsers import Tab
from support.server import Service
from support.sound import Pcm, decoded, silence, wav

PATIENCE_MS = 60_000
MICROPHONE_RATE = 48_000
SHORT_CLIP = "en/ls-3331-159605-0007.flac"
SHORT_TEXT = "he has known her all her life and has a good influence over her"
SHORT_ENDS_S = 6
"""The clip of 4.5 s begins half a second after the microphone."""
normalised = EnglishTextNormalizer()
_TEXTS = """[...document.querySelectorAll("[data-testid=segment]")].map((segment) =>
  segment.innerText.replace(segment.querySelector("[data-testid=segment-time]").innerText, "").trim()).join(" ")"""
_CLOCK_IS_PAST = """wanted => (document.querySelector("[data-testid=timer]")?.innerText ?? "") >= wanted"""


def open_page(browser: Browser, service: Service, **options: object) -> Page:
    """The page in Chinese, once it knows that the service is ready."""
    context = browser.new_context(**{"locale": "zh-TW", "viewport": {"width": 1280, "height": 800}, **options})
    return open_in(context, service)


def open_in(context: BrowserContext, service: Service) -> Page:
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(service.url)
    expect(page.get_by_test_id("status-banner")).to_contain_text(re.compile("就緒|Ready"))
    return page


def record_until(page: Page, seconds: int) -> None:
    """Record, if that has not begun, until the page's clock shows so much or, where the page is busy, more."""
    if page.get_by_test_id("record").count():
        page.get_by_test_id("record").click()
    page.wait_for_function(_CLOCK_IS_PAST, arg=f"0:{seconds:02}", timeout=PATIENCE_MS)


def shown_s(page: Page) -> int:
    """Seconds that the page's clock shows while it records."""
    minutes, seconds = page.get_by_test_id("timer").inner_text().split(":")
    return 60 * int(minutes) + int(seconds)


def transcript_of(page: Page) -> str:
    """What the page shows once it offers the files."""
    expect(page.get_by_test_id("download-srt")).to_be_visible(timeout=PATIENCE_MS)
    rows = page.get_by_test_id("segment").all()
    stamps = [row.get_by_test_id("segment-time").inner_text() for row in rows]
    return " ".join(row.inner_text().replace(stamp, "", 1).strip() for row, stamp in zip(rows, stamps, strict=True))


def heard_in(tab: Tab) -> str:
    """The words that the page of any engine shows now, without their times, which nobody said."""
    return str(tab.evaluate(_TEXTS))


def error_rate(said: str, heard: str) -> float:
    """Words that are wrong, missing or too many, for each that was said."""
    return float(jiwer.wer(normalised(said), normalised(heard)))


def kept(service: Service) -> list[dict[str, Any]]:
    """The recordings that the service has, the newest first."""
    items: list[dict[str, Any]] = service.client.get("/api/v1/recordings").json()["items"]
    return items


def microphone_file(path: Path, *sounds: Pcm) -> list[str]:
    """Flags for a browser that grants a microphone, which hears this."""
    path.write_bytes(wav(np.concatenate(sounds), MICROPHONE_RATE))
    return [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={path}%noloop",
    ]


def short_clip(speech: Path) -> list[Pcm]:
    """Half a second of silence, the clip, and silence to stop in."""
    clip = decoded(speech / SHORT_CLIP, MICROPHONE_RATE)
    return [silence(0.5, MICROPHONE_RATE), clip, silence(15.0, MICROPHONE_RATE)]
