"""The app for browsers without modules, in three engines from which much of what came after 2016 is taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.browsers import Tab, seen
from support.furnished import Home
from support.microphone import Microphone
from support.old_page import without_modules
from support.record_page import SHORT_TEXT, error_rate, heard_in, kept
from support.waiting import wait_until

MAX_ERROR_RATE = 0.3
PATIENCE_S = 90.0
LACKING = """
["AbortController", "AbortSignal", "ResizeObserver", "IntersectionObserver",
 "PointerEvent", "structuredClone", "queueMicrotask", "MediaRecorder", "AudioWorkletNode", "AudioWorklet"
].forEach(function (name) { delete window[name]; });
["allSettled", "any"].forEach(function (name) { delete Promise[name]; });
["at", "flat", "flatMap", "findLast", "includes"].forEach(function (name) { delete Array.prototype[name]; });
["at", "replaceAll", "matchAll", "padStart", "padEnd", "trimStart", "trimEnd"].forEach(function (name) {
  delete String.prototype[name];
});
["entries", "values", "fromEntries", "getOwnPropertyDescriptors"].forEach(function (name) { delete Object[name]; });
delete Promise.prototype.finally;
["PluralRules", "RelativeTimeFormat", "ListFormat", "DisplayNames", "Segmenter"].forEach(function (name) {
  delete Intl[name];
});
["locks", "storage", "wakeLock", "serviceWorker", "permissions"].forEach(function (name) {
  delete Navigator.prototype[name];
});
["signal", "cache"].forEach(function (name) { delete Request.prototype[name]; });
delete Blob.prototype.arrayBuffer;
delete Crypto.prototype.randomUUID;
delete Event.prototype.composedPath;
delete KeyboardEvent.prototype.key;
delete Element.prototype.append;
delete Node.prototype.isConnected;
delete Node.prototype.getRootNode;
delete BaseAudioContext.prototype.audioWorklet;
"""
"""Roughly what Chrome 49 has not got. What has no name that could be taken away, as grids, stays, and `globalThis`,
which Playwright needs."""


PAGES = ("record", "library", "trash", "transcript", "models", "settings", "help", "not-found")
SCRIPTS = "[...document.scripts].map((script) => script.src).join(' ')"
FAILURES = "[...document.querySelectorAll('[data-testid=error]')].map((error) => error.dataset.code)"
CHOOSE = """(async () => {
  const bytes = await (await fetch("/api/v1/recordings/%s/audio")).blob();
  const files = new DataTransfer();
  files.items.add(new File([bytes], "chosen.flac", { type: "audio/flac" }));
  const input = document.querySelector("[data-testid=file-input]");
  input.files = files.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
})()"""


@pytest.fixture(scope="module")
def old(home: Home) -> Iterator[str]:
    """The address of the furnished service for a browser without modules."""
    with without_modules(home.service.url, LACKING) as url:
        yield url


def opened(tab: Tab, address: str) -> None:
    tab.open(address)
    seen(tab, "h1")


def test_what_was_said_comes_back(tab: Tab, old: str, home: Home, microphone: Microphone, clip: Path) -> None:
    opened(tab, f"{old}/")
    assert "/assets/legacy-" in tab.evaluate(SCRIPTS)
    assert "/assets/index-" not in tab.evaluate(SCRIPTS)
    tab.click("[data-testid=record]")
    wait_until(lambda: seen(tab, "[data-testid=timer]") >= "0:01", "it records")
    microphone.hear(clip)
    wait_until(lambda: seen(tab, "[data-testid=timer]") >= "0:07", "everything was said")
    tab.click("[data-testid=stop]")
    seen(tab, "[data-testid=download-srt]", PATIENCE_S)
    heard = heard_in(tab)
    assert error_rate(SHORT_TEXT, heard) <= MAX_ERROR_RATE, heard
    # There is no encoder, and no worklet: the old way of samples is left.
    assert kept(home.service)[0]["media_type"] == "audio/wav"


def test_a_file_is_sent(tab: Tab, old: str, home: Home) -> None:
    opened(tab, f"{old}/")
    seen(tab, "[data-testid=status-banner]")
    before = len(kept(home.service))
    assert tab.evaluate(CHOOSE % home.kept.talk)
    seen(tab, "[data-testid=download-srt]", PATIENCE_S)
    assert "Katie" in heard_in(tab)
    assert len(kept(home.service)) == before + 1


def test_every_page_opens(tab: Tab, old: str, home: Home) -> None:
    for name in PAGES:
        opened(tab, f"{old}{home.kept.pages[name]}")
        wait_until(lambda: tab.evaluate("!document.querySelector('[data-testid=loading]')"), f"{name} is loaded")
        assert tab.evaluate(FAILURES) == [], name


def test_a_title_is_changed(tab: Tab, old: str, home: Home) -> None:
    renamed(tab, f"{old}{home.kept.pages['transcript']}", "a")


def test_without_fetch_it_reads_and_changes(tab: Tab, home: Home) -> None:
    with without_modules(home.service.url, f"{LACKING}delete window.fetch;") as url:
        opened(tab, f"{url}{home.kept.pages['library']}")
        seen(tab, "[data-testid=recording]")
        assert tab.evaluate(FAILURES) == []
        renamed(tab, f"{url}{home.kept.pages['transcript']}", "b")


def renamed(tab: Tab, address: str, title: str) -> None:
    """Give a recording another title, and read it from the service again."""
    opened(tab, address)
    tab.click("[data-testid=edit-title]")
    seen(tab, "[data-testid=title-input]")
    tab.press(title)
    tab.press("Enter")
    wait_until(lambda: tab.evaluate("!document.querySelector('[data-testid=title-input]')"), "the title is sent")
    opened(tab, address)
    wait_until(lambda: seen(tab, "h1").strip() == title, "the new title is kept")


def test_menus_open_and_a_transcript_plays(tab: Tab, old: str, home: Home) -> None:
    opened(tab, f"{old}{home.kept.pages['transcript']}")
    seen(tab, "[data-testid=line]")
    tab.click("[data-testid=export]")
    assert "srt" in seen(tab, "[role=menu]")
    tab.press("Escape")
    seen(tab, "[data-testid=waveform]")
    tab.click("[data-testid=play]")
    wait_until(lambda: seen(tab, "[data-testid=clock]") >= "0:01", "the sound is heard")


def test_a_browser_that_is_too_old_for_it_gets_the_form(tab: Tab, home: Home) -> None:
    with without_modules(home.service.url, "delete window.Proxy;") as url:
        tab.open(f"{url}/")
        wait_until(lambda: tab.evaluate("location.pathname") == "/form", "the form is there")
