"""The form for browsers of any age: no script runs, and a recording becomes its text."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from support.browsers import webkit_tab
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
        tab.driver.get(f"{service.url}/form")
        print(tab.driver.page_source[:300])
