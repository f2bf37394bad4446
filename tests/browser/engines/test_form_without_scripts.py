"""The form for browsers of any age: no script runs, and a recording becomes its text."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect
from selenium.common.exceptions import WebDriverException

from support.browsers import WebKitTab, webkit_tab
from support.microphone import without_sound
from support.record_page import SHORT_CLIP, SHORT_TEXT, error_rate
from support.server import Service
from support.waiting import wait_until

MAX_ERROR_RATE = 0.3
PATIENCE_MS = 60_000


def test_chromium_without_javascript_is_led_to_the_form_and_gets_the_text(
    chromium_browser: Browser, service: Service, speech: Path
) -> None:
    page = chromium_browser.new_context(java_script_enabled=False, locale="en-US").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(service.url)
    page.locator("noscript a[href='/form']").last.click()
    page.locator("input[type=file]").last.set_input_files(speech / SHORT_CLIP)
    page.get_by_role("button").last.click()
    expect(page.locator("ol.lines")).to_be_visible(timeout=PATIENCE_MS)
    assert error_rate(SHORT_TEXT, page.locator("ol.lines").inner_text().split(maxsplit=1)[1]) <= MAX_ERROR_RATE
    with page.expect_download() as saved:
        page.get_by_role("link", name="srt").click()
    assert "-->" in Path(saved.value.path()).read_text(encoding="utf-8")
    page.context.close()


def test_webkit_without_javascript_gets_the_text(
    webkit_here: Path, service: Service, speech: Path, tmp_path: Path
) -> None:
    with webkit_tab(webkit_here, without_sound(tmp_path), "--enable-javascript=false") as tab:
        tab.open(f"{service.url}/form")
        tab.driver.find_element("css selector", "form:last-of-type input[type=file]").send_keys(
            str(speech / SHORT_CLIP)
        )
        tab.click("form:last-of-type button[type=submit]")
        heard = wait_until(lambda: lines_of(tab), "the text is there")
    assert error_rate(SHORT_TEXT, heard) <= MAX_ERROR_RATE, heard


def lines_of(tab: WebKitTab) -> str:
    """The transcript without its times, once the page, which loads itself again, has one."""
    try:
        lines = tab.driver.find_elements("css selector", "ol.lines li")
        return " ".join(line.text.split(maxsplit=1)[1] for line in lines)
    except WebDriverException:
        return ""
