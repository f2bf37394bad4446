"""Somebody who has never been here: open, record, correct a word, export. How many presses it takes."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Playwright, expect

from support.browsers import chromium_tab, seen
from support.microphone import Microphone
from support.server import Service
from support.waiting import wait_until

PATIENCE_MS = 60_000
PRESSES = ["record", "stop", "open-recording", "edit-line", "export", "export-txt"]
"""What is pressed on the way; each by its name in the page."""


def test_from_nothing_to_a_corrected_file_in_six_presses(
    playwright: Playwright, chromium: str, microphone: Microphone, service: Service, clip: Path
) -> None:
    with chromium_tab(playwright, chromium, microphone.environment) as tab:
        tab.open(service.url)
        presses = iter(PRESSES)

        def press() -> None:
            tab.page.get_by_test_id(next(presses)).first.click()

        press()
        wait_until(lambda: seen(tab, "[data-testid=timer]") >= "0:01", "it records")
        microphone.hear(clip)
        wait_until(lambda: seen(tab, "[data-testid=timer]") >= "0:07", "everything was said")
        press()
        press()
        expect(tab.page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^錄音 \d+月\d+日"))
        press()
        tab.page.keyboard.press("End")
        tab.page.keyboard.type(" Amlodipine.")
        tab.page.keyboard.press("Enter")
        expect(tab.page.get_by_test_id("line").first).to_contain_text("Amlodipine.")
        press()
        with tab.page.expect_download(timeout=PATIENCE_MS) as saved:
            press()
        assert "Amlodipine." in Path(saved.value.path()).read_text(encoding="utf-8")
        assert next(presses, None) is None
