"""Three browser engines behind one small interface, so that one test tries all of them.

Chromium and Firefox are driven by Playwright, WebKitGTK, which is the nearest to Safari, by its own WebDriver.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from playwright.sync_api import Page, Playwright
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import WebKitGTK, WebKitGTKOptions
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.webkitgtk.service import Service as WebKitService

from support.waiting import PATIENCE_S, wait_until

QUIET_CHROMIUM = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SCREEN = "1280x900x24"
KEYS = {"Tab": Keys.TAB, "Enter": Keys.ENTER, "Escape": Keys.ESCAPE}
END_S = 10.0


class Tab(Protocol):
    """One open page of any engine."""

    def open(self, address: str) -> None:
        """Go there and wait until the page is loaded."""

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""

    def click(self, selector: str) -> None:
        """A press of the mouse on the first element that the CSS selector finds."""

    def press(self, key: str) -> None:
        """A key on the keyboard, by the names of `KEYS` or a letter."""


def seen(tab: Tab, selector: str, timeout_s: float = PATIENCE_S) -> str:
    """The text of an element that is there, or comes within the time."""
    text = f"document.querySelector({selector!r})?.innerText ?? null"
    wait_until(lambda: tab.evaluate(text) is not None, f"{selector} is on the page", timeout_s)
    return str(tab.evaluate(text))


class PlaywrightTab:
    """Chromium or Firefox."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.set_default_timeout(PATIENCE_S * 1000)

    def open(self, address: str) -> None:
        self.page.goto(address)

    def evaluate(self, expression: str) -> Any:
        return self.page.evaluate(f"async () => ({expression})")

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)


class WebKitTab:
    """WebKitGTK. Its driver clicks at a place that may still move, so the element is asked for anew each time."""

    def __init__(self, driver: WebKitGTK) -> None:
        self.driver = driver
        driver.set_script_timeout(PATIENCE_S)

    def open(self, address: str) -> None:
        self.driver.get(address)

    def evaluate(self, expression: str) -> Any:
        script = f"const done = arguments[0]; (async () => ({expression}))().then(done, (e) => done(`failed: ${{e}}`))"
        return self.driver.execute_async_script(script)

    def click(self, selector: str) -> None:
        wait_until(lambda: self._clicked(selector), f"{selector} can be clicked")

    def _clicked(self, selector: str) -> bool:
        try:
            self.driver.find_element("css selector", selector).click()
        except WebDriverException:
            return False
        return True

    def press(self, key: str) -> None:
        ActionChains(self.driver).send_keys(KEYS.get(key, key)).perform()


def firefox() -> str | None:
    """The stock Firefox of the system, or nothing."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


def webkit() -> Path | None:
    """WebKit's small browser, where its driver and a display without a screen are installed too."""
    if shutil.which("WebKitWebDriver") is None or shutil.which("Xvfb") is None:
        return None
    return next(iter(sorted(Path("/usr").glob("lib*/*/webkit2gtk-4.1/MiniBrowser"))), None)


@contextmanager
def firefox_tab(
    playwright: Playwright,
    path: str,
    environment: Mapping[str, str],
    preferences: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[PlaywrightTab]:
    """The stock Firefox; it asks nobody for the microphone, unless its preferences say otherwise."""
    browser = playwright.firefox.launch(
        channel="moz-firefox",
        executable_path=path,
        env=dict(environment),
        firefox_user_prefs={"media.navigator.permission.disabled": True, **preferences},
    )
    try:
        yield PlaywrightTab(browser.new_context(locale="zh-TW").new_page())
    finally:
        browser.close()


@contextmanager
def chromium_tab(
    playwright: Playwright, path: str, environment: Mapping[str, str], *flags: str
) -> Iterator[PlaywrightTab]:
    """Chromium, which hears the sound server as the others do."""
    arguments = [*QUIET_CHROMIUM, "--use-fake-ui-for-media-stream", *flags]
    browser = playwright.chromium.launch(executable_path=path, args=arguments, env=dict(environment))
    try:
        yield PlaywrightTab(browser.new_context(locale="zh-TW").new_page())
    finally:
        browser.close()


@contextmanager
def display() -> Iterator[str]:
    """The name of a display of its own, on no screen, until the block ends."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", SCREEN, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        with os.fdopen(reading) as pipe:
            yield f":{pipe.readline().strip()}"
    finally:
        server.terminate()
        server.wait(END_S)


@contextmanager
def webkit_tab(binary: Path, environment: Mapping[str, str], *flags: str) -> Iterator[WebKitTab]:
    """WebKitGTK on a display of its own, until the block ends."""
    options = WebKitGTKOptions()
    options.binary_location = str(binary)
    for flag in ("--automation", *flags):
        options.add_argument(flag)
    with display() as name:
        service = WebKitService(env={**environment, "DISPLAY": name, "GDK_BACKEND": "x11", "LANG": "zh_TW.UTF-8"})
        driver = _started(options, service)
        try:
            yield WebKitTab(driver)
        finally:
            driver.quit()


def _started(options: WebKitGTKOptions, service: WebKitService) -> WebKitGTK:
    """Selenium's own driver calls what Selenium says is deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return WebKitGTK(options=options, service=service)
