"""Sending a recording and reading its text in a browser that runs no scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, expect

from support.record_page import PATIENCE_MS, SHORT_CLIP, SHORT_TEXT, error_rate
from support.server import Service


def test_the_app_leads_to_a_form_that_gives_the_text(
    launch: Callable[..., Browser], service: Service, speech: Path
) -> None:
    page = (
        launch()
        .new_context(java_script_enabled=False, locale="en-US", viewport={"width": 360, "height": 740})
        .new_page()
    )
    page.goto(service.url)
    page.locator('noscript a[href="/form"]').last.click()
    form = page.locator("form").last
    form.locator("input[type=file]").set_input_files(speech / SHORT_CLIP)
    form.locator("select[name=language]").select_option("en")
    form.locator("button").click()
    expect(page.locator("ol li").first).to_be_visible(timeout=PATIENCE_MS)
    lines = [line.inner_text().split(" ", 1)[1] for line in page.locator("ol li").all()]
    assert error_rate(SHORT_TEXT, " ".join(lines)) <= 0.25
    with page.expect_download() as started:
        page.get_by_text("SRT").click()
    assert Path(started.value.path()).read_text(encoding="utf-8").startswith("1\n00:00:0")
