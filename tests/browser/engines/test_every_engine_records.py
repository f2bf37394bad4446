"""What is said into the microphone of three browser engines comes back as words."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Playwright

from support.browsers import Tab, firefox_tab, seen, webkit_tab
from support.microphone import Microphone, without_sound
from support.record_page import SHORT_TEXT, error_rate, heard_in, kept
from support.server import Service
from support.waiting import wait_until

MAX_ERROR_RATE = 0.3
"""Echo cancellation and the sound server change a word here and there: 13 words, of which 3 may be wrong."""

CLIP_S = 4.5
TYPES = {"chromium": {"audio/webm;codecs=opus"}, "firefox": {"audio/webm;codecs=opus"}, "webkit": {"audio/wav"}}
"""WebKitGTK's own recorder gives no bytes and no error: the page takes samples there."""


def record(tab: Tab, service: Service, microphone: Microphone, clip: Path) -> str:
    """The transcript of the clip, as the page shows it."""
    tab.open(service.url)
    tab.click("[data-testid=record]")
    clock_shows(tab, 1)
    microphone.hear(clip)
    clock_shows(tab, 7)
    tab.click("[data-testid=stop]")
    seen(tab, "[data-testid=download-srt]")
    return heard_in(tab)


def clock_shows(tab: Tab, seconds: int) -> None:
    """Wait until the recording is so long by the page's own clock."""
    wait_until(lambda: seen(tab, "[data-testid=timer]") >= f"0:{seconds:02}", f"the clock shows {seconds} s")


def test_what_was_said_comes_back(tab: Tab, engine: str, service: Service, microphone: Microphone, clip: Path) -> None:
    heard = record(tab, service, microphone, clip)
    assert error_rate(SHORT_TEXT, heard) <= MAX_ERROR_RATE, heard
    newest = kept(service)[0]
    assert newest["media_type"] in TYPES[engine]
    assert newest["state"] == "complete"


def test_a_refused_microphone_is_explained_in_firefox(
    playwright: Playwright, firefox_here: str, microphone: Microphone, service: Service
) -> None:
    refused = {"media.navigator.permission.disabled": False, "permissions.default.microphone": 2}
    with firefox_tab(playwright, firefox_here, microphone.environment, refused) as tab:
        tab.open(service.url)
        tab.click("[data-testid=record]")
        seen(tab, "[data-testid=error][data-code=denied]")


def test_a_missing_microphone_is_explained_in_webkit(webkit_here: Path, tmp_path: Path, service: Service) -> None:
    with webkit_tab(webkit_here, without_sound(tmp_path)) as tab:
        tab.open(service.url)
        tab.click("[data-testid=record]")
        seen(tab, "[data-testid=error][data-code=no_microphone]")
