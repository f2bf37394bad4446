"""Every page in every language on the narrowest phone: nothing is wider than the page, and no words are cut off."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.forms import send
from support.server import Service
from support.waiting import wait_until

LOCALES = ("zh-TW", "en", "ja", "id", "vi", "fil", "th")
PHONE = {"width": 320, "height": 640}
PAGES = ("/", "/library", "/library/trash", "/models", "/settings", "/help", "/nowhere")
PATIENCE_MS = 30_000

TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  const shown = (node) => node.getClientRects().length > 0 && !node.closest(".visually-hidden, [aria-hidden=true]");
  const scrolls = (node) => {
    for (let at = node.parentElement; at; at = at.parentElement) {
      if (["auto", "scroll"].includes(getComputedStyle(at).overflowX) && at !== document.body) return true;
    }
    return false;
  };
  const name = (node) => `${node.tagName}.${node.className}: ${(node.textContent || "").trim().slice(0, 60)}`;
  const found = [];
  for (const node of document.body.querySelectorAll("*")) {
    if (!shown(node) || scrolls(node)) continue;
    const box = node.getBoundingClientRect();
    if (box.width > 1 && (box.right > wide + 1 || box.left < -1)) found.push(`out of the page: ${name(node)}`);
    const style = getComputedStyle(node);
    const own = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    const meant = style.display === "inline" || style.webkitLineClamp !== "none";
    if (!own || box.width <= 1 || meant) continue;
    if (node.scrollWidth > node.clientWidth + 1) found.push(`wider than its place: ${name(node)}`);
    if (style.overflowY === "hidden" && node.scrollHeight > node.clientHeight + 1) found.push(`cut off: ${name(node)}`);
  }
  return found;
}"""
"""What does not fit: outside the page, wider than its own box, or hidden by it. Lists that scroll sideways may, and
what is meant to show its first lines only."""


@pytest.fixture(scope="module")
def recording(service: Service, speech: Path) -> str:
    """The address of a recording with a transcript."""
    clip = (speech / "en" / "jfk.flac").read_bytes()
    sent = send(service.client, clip, path="/api/v1/recordings", model=None, language="en", title="languages").json()
    place = f"/api/v1/recordings/{sent['id']}/transcripts/current"
    wait_until(lambda: service.client.get(place).status_code == 200, "there is a transcript")
    return f"/recordings/{sent['id']}"


def opened(browser: Browser, service: Service, locale: str) -> Page:
    page = browser.new_context(locale=locale, viewport=PHONE, reduced_motion="reduce").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(service.url)
    return page


@pytest.mark.timeout(240)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_page_fits_the_narrowest_phone(
    launch: Callable[..., Browser], service: Service, recording: str, locale: str
) -> None:
    page = opened(launch(), service, locale)
    expect(page.locator("html")).to_have_attribute("lang", locale)
    switch = page.get_by_test_id("language-switch")
    assert switch.evaluate("(select) => select.scrollWidth <= select.clientWidth"), "its own name is cut off"
    misfits: dict[str, list[str]] = {}
    for address in (*PAGES, recording):
        page.goto(f"{service.url}{address}")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        expect(page.locator("[data-testid=skeleton], .skeleton")).to_have_count(0)
        found = page.evaluate(TOO_WIDE)
        if found or page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            misfits[address] = found
    assert misfits == {}


@pytest.mark.parametrize("locale", LOCALES)
def test_the_form_without_scripts_is_in_every_language(
    launch: Callable[..., Browser], service: Service, locale: str
) -> None:
    page = launch().new_context(locale=locale, viewport=PHONE, java_script_enabled=False).new_page()
    page.goto(f"{service.url}/form")

    expect(page.locator("html")).to_have_attribute("lang", locale)
    assert page.title().startswith("Care Voice")
    shown = page.locator("body").inner_text()
    assert ("Send and transcribe" in shown) == (locale == "en")
    page.locator("input[name=hotwords]").first.fill("x" * 60)
    assert page.locator("body").bounding_box()["width"] <= PHONE["width"]  # type: ignore[index]
