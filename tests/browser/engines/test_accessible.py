"""Every page and its states by the rules of WCAG 2.2 AA that a machine can check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest
from playwright.sync_api import Page, expect

from support.axe import violations
from support.browsers import PlaywrightTab, Tab
from support.furnished import Home, show

PATIENCE_MS = 30_000
PAGES = ("record", "library", "trash", "transcript", "models", "settings", "help", "not-found", "form")
SIZES = ({"width": 1280, "height": 900}, {"width": 390, "height": 844})
Step = Callable[[Page], object]


def click(test_id: str) -> Step:
    return lambda page: page.get_by_test_id(test_id).first.click()


def fill(test_id: str, text: str) -> Step:
    return lambda page: page.get_by_test_id(test_id).first.fill(text)


def see(selector: str) -> Step:
    return lambda page: expect(page.locator(selector).first).to_be_visible()


def press(key: str) -> Step:
    return lambda page: page.keyboard.press(key)


def choose_first(page: Page) -> None:
    page.get_by_role("checkbox").first.check()


def open_row_menu(page: Page) -> None:
    page.get_by_test_id("recording").first.get_by_role("button").click()


def open_held_row(page: Page) -> None:
    page.get_by_test_id("recording").filter(has_text="依法保留").get_by_role("button").click()


SEE_MISSING = see("[role=dialog] [aria-invalid=true]")
STATES: Mapping[str, tuple[str, Sequence[Step]]] = {
    "record: while it records": ("record", [click("record"), see("[data-testid=timer]")]),
    "record: paused": ("record", [click("record"), click("pause")]),
    "record: discard?": ("record", [click("record"), click("discard"), see("[role=alertdialog]")]),
    "library: found": ("library", [fill("search", "Steve"), see("mark")]),
    "library: nothing found": ("library", [fill("search", "zebra"), see("[data-testid=empty]")]),
    "library: filters": ("library", [click("filters-toggle"), see("[data-testid=filters]")]),
    "library: some chosen": ("library", [choose_first, see("[data-testid=bulk]")]),
    "library: tags": ("library", [choose_first, click("bulk-tags"), see("[role=dialog]")]),
    "library: menu of a row": ("library", [open_row_menu, see("[role=menu]")]),
    "library: held": ("library", [open_held_row, click("row-trash"), see("[data-testid=hold-reason]")]),
    "trash: for good?": ("trash", [choose_first, click("bulk-delete"), see("[role=dialog], [role=alertdialog]")]),
    "transcript: find": ("transcript", [click("find"), fill("find-text", "Steve"), see("[data-testid=find-count]")]),
    "transcript: doubtful words": ("transcript", [click("doubt"), see("[data-testid=legend]")]),
    "transcript: history": ("transcript", [click("history"), see("[data-testid=history-list]")]),
    "transcript: edit": ("transcript", [click("edit-line"), see("[data-testid=line-input]")]),
    "transcript: export": ("transcript", [click("export"), see("[role=menu]")]),
    "transcript: more": ("transcript", [click("more"), see("[role=menu]")]),
    "transcript: versions": ("transcript", [click("more"), click("compare"), see("[data-testid=versions]")]),
    "transcript: again": ("transcript", [click("more"), click("again"), see("[role=dialog]")]),
    "transcript: who speaks": ("transcript", [click("speaker"), see("[role=dialog]")]),
    "transcript: hold": ("transcript", [click("recording-menu"), click("ask-hold"), click("place-hold"), SEE_MISSING]),
    "transcript: title": ("transcript", [click("edit-title"), see("[data-testid=title-input]")]),
}


def test_no_page_breaks_a_rule_in_any_engine(tab: Tab, home: Home) -> None:
    for name in PAGES:
        show(tab, home.address(name))
        assert violations(tab) == [], name


def test_no_page_breaks_a_rule_in_any_size_and_colours(page: Page, home: Home) -> None:
    tab, found = PlaywrightTab(page), []
    for name in PAGES:
        show(tab, home.address(name))
        for size in SIZES:
            page.set_viewport_size(size)
            for looks in ({"color_scheme": "light"}, {"color_scheme": "dark"}, {"contrast": "more"}):
                page.emulate_media(**looks)
                found += [f"{name} {size['width']} {looks}: {fault}" for fault in violations(tab)]
    assert found == []


@pytest.mark.parametrize("state", STATES)
def test_no_state_breaks_a_rule(page: Page, home: Home, state: str) -> None:
    name, steps = STATES[state]
    tab = PlaywrightTab(page)
    show(tab, home.address(name))
    for step in steps:
        step(page)
    assert violations(tab) == []


def test_a_page_without_network_breaks_no_rule(page: Page, home: Home) -> None:
    page.route("**/api/v1/**", lambda route: route.abort())
    for name in ("library", "trash", "transcript", "models"):
        page.goto(home.address(name))
        expect(page.get_by_test_id("error")).to_be_visible()
        assert violations(PlaywrightTab(page)) == [], name


def test_the_checker_sees_a_fault(page: Page, home: Home) -> None:
    show(PlaywrightTab(page), home.address("help"))
    page.evaluate("document.querySelector('main').insertAdjacentHTML('beforeend', '<button></button>')")
    assert [fault.partition(":")[0] for fault in violations(PlaywrightTab(page))] == ["button-name"]
