"""A recording that pauses in the middle of what somebody says: it must be in time with the microphone."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from support.record_page import PATIENCE_MS, normalised, open_page, transcript_of
from support.server import Service

COUNTRIES = 2
"""How often the clip says "country"."""


def test_a_paused_recording_leaves_out_what_was_said_meanwhile_and_goes_on(speaking: Browser, service: Service) -> None:
    page = open_page(speaking, service)
    page.get_by_test_id("record").click()
    expect(page.get_by_test_id("timer")).to_contain_text("0:03", timeout=PATIENCE_MS)
    page.get_by_test_id("pause").click()
    frozen = page.get_by_test_id("timer").inner_text()
    page.wait_for_function("start => performance.now() - start > 3000", arg=page.evaluate("performance.now()"))
    assert page.get_by_test_id("timer").inner_text() == frozen
    page.get_by_test_id("pause").click()
    expect(page.get_by_test_id("timer")).to_contain_text("0:05", timeout=PATIENCE_MS)
    page.get_by_test_id("stop").click()
    words = normalised(transcript_of(page))
    assert "fellow american" in words
    assert words.count("country") < COUNTRIES
