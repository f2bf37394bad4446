"""A real Chromium whose microphone hears a recording."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from support.sound import decoded, silence, wav

MICROPHONE_RATE = 48_000
PATIENCE_MS = 30_000
"""Playwright's own patience of five seconds is too short where other tests use the processors as well."""
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: ./test.sh installs it where there is apt-get")
    return path


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """Not for the session: while it runs, so does an event loop in this thread, and asynchronous tests cannot."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browsers(playwright: Playwright, chromium: str) -> Iterator[Callable[..., Browser]]:
    """Browsers by their command-line flags, each for all tests of a module: to start one takes a second."""
    started: dict[tuple[str, ...], Browser] = {}

    def take(*flags: str) -> Browser:
        if flags not in started or not started[flags].is_connected():
            started[flags] = playwright.chromium.launch(executable_path=chromium, args=[*QUIET, *flags])
        return started[flags]

    yield take
    for browser in started.values():
        browser.close()


@pytest.fixture
def launch(browsers: Callable[..., Browser]) -> Iterator[Callable[..., Browser]]:
    """A browser with extra command-line flags. Only its contexts are the test's own, and closed with the test."""
    used: list[Browser] = []

    def take(*flags: str) -> Browser:
        used.append(browsers(*flags))
        return used[-1]

    yield take
    for browser in used:
        for context in browser.contexts:
            context.close()


@pytest.fixture(scope="session")
def microphone_wav(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of silence, the clip, and silence to stop in: Chromium hums after the end of the file."""
    clip = decoded(speech / "en" / "jfk.flac", MICROPHONE_RATE)
    padded = np.concatenate([silence(0.5, MICROPHONE_RATE), clip, silence(8.0, MICROPHONE_RATE)])
    path = tmp_path_factory.mktemp("microphone") / "jfk.wav"
    path.write_bytes(wav(padded, MICROPHONE_RATE))
    return path


@pytest.fixture
def speaking(launch: Callable[..., Browser], microphone_wav: Path) -> Browser:
    """A browser that grants the microphone, which hears the clip."""
    return launch(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone_wav}%noloop",
    )
