"""Chromium, Firefox and WebKitGTK, each with a microphone that hears what the test plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from support.browsers import QUIET_CHROMIUM, Tab, chromium_tab, firefox, firefox_tab, webkit, webkit_tab
from support.furnished import Home, furnish
from support.microphone import Microphone, has_microphone, running_microphone
from support.record_page import MICROPHONE_RATE, SHORT_CLIP
from support.server import running_service
from support.sound import decoded, wav

INSTALLED_BY = "./test.sh installs it where there is apt-get"
PATIENCE_MS = 30_000
DESKTOP = {"width": 1280, "height": 900}
ENGINES = ("chromium", "firefox", "webkit")


@pytest.fixture(scope="module")
def microphone() -> Iterator[Microphone]:
    if not has_microphone():
        pytest.skip(f"no PulseAudio here: {INSTALLED_BY}")
    with running_microphone() as running:
        yield running


@pytest.fixture(scope="module")
def clip(speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The short clip as a WAV file. It is played once the page records, so it needs no silence around it."""
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    path.write_bytes(wav(decoded(speech / SHORT_CLIP, MICROPHONE_RATE), MICROPHONE_RATE))
    return path


@pytest.fixture(scope="module")
def firefox_here() -> str:
    path = firefox()
    if path is None:
        pytest.skip(f"no Firefox here: {INSTALLED_BY}")
    return path


@pytest.fixture(scope="module")
def webkit_here() -> Path:
    path = webkit()
    if path is None:
        pytest.skip(f"no WebKitGTK here: {INSTALLED_BY}")
    return path


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tab(engine: str, request: pytest.FixtureRequest, playwright: Playwright, microphone: Microphone) -> Iterator[Tab]:
    """One window of the engine for all tests of a module: to start WebKit takes seconds."""
    if engine == "webkit":
        opening: AbstractContextManager[Tab] = webkit_tab(
            request.getfixturevalue("webkit_here"), microphone.environment
        )
    elif engine == "firefox":
        path = request.getfixturevalue("firefox_here")
        opening = firefox_tab(playwright, path, microphone.environment)
    else:
        opening = chromium_tab(playwright, request.getfixturevalue("chromium"), microphone.environment)
    with opening as opened:
        yield opened


@pytest.fixture(scope="package")
def home(model_store: Path, speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A service with recordings in it."""
    with running_service(tmp_path_factory.mktemp("home"), model_store) as service:
        yield Home(service, furnish(service.client, speech))


@pytest.fixture(scope="module")
def chromium_browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests of a module; its microphone hears the beeps that Chromium makes."""
    flags = [*QUIET_CHROMIUM, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    browser = playwright.chromium.launch(executable_path=chromium, args=flags)
    yield browser
    browser.close()


@pytest.fixture
def page(chromium_browser: Browser) -> Iterator[Page]:
    """A window in Chromium for one test, of someone who wants less motion."""
    context = chromium_browser.new_context(locale="zh-TW", reduced_motion="reduce", viewport=DESKTOP)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()
