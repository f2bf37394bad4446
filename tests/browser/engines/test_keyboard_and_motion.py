"""Every page by the keyboard alone, and for people whom motion makes unwell."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from support.browsers import PlaywrightTab
from support.furnished import Home, show

PAGES = ("record", "library", "trash", "transcript", "models", "settings", "help")
PHONE = {"width": 390, "height": 844}
MOST_STOPS = 150
MARK = """() => {
    const controls = "a[href], button, input, select, textarea, summary, [tabindex='0'], [contenteditable]";
    const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().width > 0;
    const oneOfMany = (e) => e.type === "radio" && !e.checked;
    const meant = [...document.querySelectorAll(controls)]
        .filter((e) => shown(e) && !e.disabled && e.tabIndex >= 0 && e.type !== "file" && !oneOfMany(e));
    meant.forEach((e, n) => e.setAttribute("data-stop", n));
    document.activeElement?.blur();
    window.getSelection().removeAllRanges();
}"""
STILL_THERE = (
    """() => [...document.querySelectorAll("[data-stop]")].map((e) => [e.dataset.stop, e.outerHTML.slice(0, 160)])"""
)
FOCUSED = """() => {
    const e = document.activeElement;
    if (!e || e === document.body) return null;
    const box = e.getBoundingClientRect();
    const around = e.closest("label, .field, .card, li") ?? e;
    const ring = (s) => (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2) || s.boxShadow !== "none";
    const ringed = (one) => [null, "::before", "::after"].some((part) => ring(getComputedStyle(one, part)));
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return {
        stop: e.getAttribute("data-stop"),
        what: e.outerHTML.slice(0, 160),
        ringed: [e, around, ...around.children].some(ringed),
        inSight: !!at && (e.contains(at) || at.contains(e) || around.contains(at)),
    };
}"""


def stops(page: Page) -> list[dict[str, Any]]:
    """What Tab comes to, until it leaves the page or is where it was."""
    found: list[dict[str, Any]] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        focused = page.evaluate(FOCUSED)
        if focused is None or (found and focused["what"] == found[0]["what"]):
            return found
        found.append(focused)
    raise AssertionError(f"Tab does not come to an end: {found[-3:]}")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_tab_reaches_everything_and_shows_where_it_is(page: Page, home: Home, name: str, phone: bool) -> None:
    if phone:
        page.set_viewport_size(PHONE)
    show(PlaywrightTab(page), home.address(name))
    page.evaluate(MARK)
    found = stops(page)
    reached = {one["stop"] for one in found}
    assert [label for stop, label in page.evaluate(STILL_THERE) if stop not in reached] == []
    assert [one["what"] for one in found if not one["ringed"]] == []
    assert [one["what"] for one in found if not one["inSight"]] == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_moves_for_those_who_asked_for_less_motion(page: Page, home: Home, name: str) -> None:
    show(PlaywrightTab(page), home.address(name))
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((e) => {
            const s = getComputedStyle(e);
            const longest = (list) => Math.max(...list.split(",").map(parseFloat));
            const moves = s.animationName !== "none" && longest(s.animationDuration) > 0.01;
            return moves || longest(s.transitionDuration) > 0.01 || s.scrollBehavior === "smooth";
        }).map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert moving == []
