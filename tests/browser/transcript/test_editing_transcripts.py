"""A transcript is corrected by keyboard, searched and taken back, by a real browser in the real service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.shelf import Shelf
from support.stored_speech import transcript_of
from support.waiting import wait_until

LINES = ("Hello Miss Lady.", "Did you take two tablets?", "你好，左小雷老師。", "The Lady took um two.", "Goodbye.")
Reader = Callable[..., Page]


@pytest.fixture
def visit(shelf: Shelf) -> str:
    return shelf.put(transcript_of(*LINES), title="Home visit")


def line(page: Page, number: int) -> str:
    """A selector of a line, counted from 0."""
    return f"[data-index='{number}']"


def edit(page: Page, number: int, text: str) -> None:
    """As the keyboard does it: E on the line, the text, Enter."""
    page.locator(line(page, number)).locator("[data-control=time]").focus()
    page.keyboard.press("e")
    page.get_by_test_id("line-input").fill(text)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("line-input")).to_have_count(0)


def test_a_word_corrected_by_keyboard_is_there_after_a_reload_and_in_the_file(
    read: Reader, shelf: Shelf, visit: str
) -> None:
    page = read(visit)
    edit(page, 0, "Hello Miss Liddy.")
    expect(page.locator(line(page, 0))).to_contain_text("Hello Miss Liddy.")
    expect(page.locator(line(page, 0)).locator("[data-control=edit]")).to_be_focused()

    page.reload()
    expect(page.locator(line(page, 0))).to_contain_text("Hello Miss Liddy.")
    page.get_by_test_id("export").click()
    with page.expect_download() as started:
        page.get_by_test_id("export-txt").click()
    assert "Hello Miss Liddy." in Path(started.value.path()).read_text(encoding="utf-8")
    assert started.value.suggested_filename == "Home visit.txt"


def test_escape_keeps_what_was_there(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    page.locator(line(page, 1)).dblclick()
    page.get_by_test_id("line-input").fill("nonsense")
    page.keyboard.press("Escape")
    expect(page.locator(line(page, 1))).to_contain_text("Did you take two tablets?")
    assert shelf.texts(visit) == list(LINES)


def test_edits_are_undone_and_done_again_by_keyboard(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    edit(page, 4, "Farewell.")
    page.keyboard.press("Control+z")
    expect(page.locator(line(page, 4))).to_contain_text("Goodbye.")
    expect(page.get_by_test_id("redo")).not_to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(line(page, 4))).to_contain_text("Farewell.")
    assert shelf.texts(visit)[4] == "Farewell."

    page.get_by_test_id("history").click()
    expect(page.get_by_test_id("history-list").locator(":scope > li")).to_have_count(3)
    expect(page.get_by_test_id("history-list")).to_contain_text("Farewell.")


def test_a_line_is_split_at_the_caret_and_joined_again(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    page.locator(line(page, 1)).locator("[data-control=time]").focus()
    page.keyboard.press("e")
    page.keyboard.press("Home")
    for _ in range(len("Did you")):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("lines")).to_have_attribute("data-count", "6")
    expect(page.get_by_test_id("line-input")).to_have_value("take two tablets?")
    assert shelf.texts(visit)[1:3] == ["Did you", "take two tablets?"]

    page.keyboard.press("Home")
    page.keyboard.press("Backspace")
    expect(page.get_by_test_id("lines")).to_have_attribute("data-count", "5")
    expect(page.get_by_test_id("line-input")).to_have_value(LINES[1])
    page.keyboard.press("Tab")
    expect(page.get_by_test_id("line-input")).to_have_value(LINES[2])
    assert shelf.texts(visit) == list(LINES)


def test_a_phone_has_buttons_for_what_it_has_no_keys_for(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    page.locator(line(page, 1)).get_by_test_id("edit-line").tap()
    page.get_by_test_id("line-input").fill("never mind")
    page.get_by_test_id("line-cancel").tap()
    expect(page.locator(line(page, 1))).to_contain_text(LINES[1])
    page.locator(line(page, 1)).get_by_test_id("edit-line").tap()
    page.get_by_test_id("line-merge").tap()
    expect(page.get_by_test_id("lines")).to_have_attribute("data-count", "4")
    page.get_by_test_id("line-save").tap()
    assert shelf.texts(visit)[0] == "Hello Miss Lady. Did you take two tablets?"


def test_replace_all_is_one_edit(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    page.keyboard.press("Control+f")
    page.get_by_test_id("find-text").fill("lady")
    expect(page.get_by_test_id("find-count")).to_have_text("1 of 2")
    page.get_by_test_id("find-next").click()
    expect(page.get_by_test_id("find-count")).to_have_text("2 of 2")
    page.get_by_test_id("replace-text").fill("Liddy")
    page.get_by_test_id("replace-all").click()
    expect(page.get_by_test_id("find-count")).to_have_text("Not found")
    assert [text for text in shelf.texts(visit) if "Liddy" in text] == ["Hello Miss Liddy.", "The Liddy took um two."]

    page.get_by_test_id("find-text").fill("two")
    page.get_by_test_id("replace-text").fill("three")
    page.get_by_test_id("replace-one").click()
    expect(page.get_by_test_id("find-count")).to_have_text("1 of 1")
    assert shelf.texts(visit)[1] == "Did you take three tablets?"
    page.get_by_test_id("undo").click()
    expect(page.locator(line(page, 1))).to_contain_text("two tablets")
    page.get_by_test_id("undo").click()
    expect(page.locator(line(page, 3))).to_contain_text("The Lady")
    assert shelf.texts(visit) == list(LINES)


def test_another_edit_of_the_same_line_is_shown_and_nothing_is_lost(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    segments = shelf.ask("GET", visit, "/transcripts/1").json()["segments"]
    page.locator(line(page, 4)).locator("[data-control=time]").focus()
    page.keyboard.press("e")
    page.get_by_test_id("line-input").fill("Goodbye, mine.")
    theirs = {"op": "set_text", "segment": segments[4]["id"], "text": "Goodbye, theirs."}
    shelf.ask("PATCH", visit, "/transcripts/1", json={"revision": 0, "edits": [theirs]})
    wait_until(lambda: "Goodbye, theirs." in shelf.texts(visit), "the other edit is there")
    page.keyboard.press("Enter")

    expect(page.get_by_test_id("conflict")).to_contain_text("Goodbye, theirs.")
    expect(page.get_by_test_id("conflict")).to_contain_text("Goodbye, mine.")
    page.get_by_test_id("keep-mine").click()
    expect(page.locator(line(page, 4))).to_contain_text("Goodbye, mine.")
    assert shelf.texts(visit)[4] == "Goodbye, mine."


def test_another_edit_elsewhere_stands_in_nobodys_way(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    segments = shelf.ask("GET", visit, "/transcripts/1").json()["segments"]
    page.locator(line(page, 0)).locator("[data-control=time]").focus()
    page.keyboard.press("e")
    page.get_by_test_id("line-input").fill("Hello, mine.")
    theirs = {"op": "set_text", "segment": segments[4]["id"], "text": "Goodbye, theirs."}
    shelf.ask("PATCH", visit, "/transcripts/1", json={"revision": 0, "edits": [theirs]})
    page.keyboard.press("Enter")
    expect(page.locator(line(page, 4))).to_contain_text("Goodbye, theirs.")
    expect(page.locator(line(page, 0))).to_contain_text("Hello, mine.")
    wait_until(lambda: shelf.texts(visit)[0] == "Hello, mine.", "mine is kept too")


def leave(page: Page) -> None:
    """To another page of the app, by a link."""
    page.get_by_test_id("transcript-page").get_by_role("link", name="Back to the library").click()
    expect(page.get_by_test_id("library-page")).to_be_visible()


def test_what_is_typed_is_saved_when_one_goes_to_another_page(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    page.locator(line(page, 1)).dblclick()
    page.get_by_test_id("line-input").fill("Did you take three?")
    leave(page)
    wait_until(lambda: shelf.texts(visit)[1] == "Did you take three?", "it is saved")
    page.go_back()
    expect(page.locator(line(page, 1))).to_contain_text("Did you take three?")
    expect(page.get_by_test_id("line-input")).to_have_count(0)


def test_what_cannot_be_saved_is_kept_while_one_is_on_another_page(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    cut = "**/transcripts/*"
    page.route(cut, lambda route: route.abort() if route.request.method == "PATCH" else route.continue_())
    page.locator(line(page, 1)).dblclick()
    page.get_by_test_id("line-input").fill("Did you take three?")
    leave(page)
    expect(page.get_by_test_id("toast")).to_contain_text("could not be saved")
    page.get_by_test_id("toast-action").click()
    expect(page.get_by_test_id("line-input")).to_have_value("Did you take three?")
    expect(page.get_by_test_id("line-input")).to_be_focused()
    expect(page.locator(line(page, 1)).get_by_role("alert")).to_contain_text("The connection to the service failed")

    leave(page)
    segments = shelf.ask("GET", visit, "/transcripts/1").json()["segments"]
    theirs = {"op": "set_text", "segment": segments[1]["id"], "text": "You took two?"}
    shelf.ask("PATCH", visit, "/transcripts/1", json={"revision": 0, "edits": [theirs]})
    page.unroute(cut)
    page.go_back()
    expect(page.get_by_test_id("conflict")).to_contain_text("You took two?")
    expect(page.get_by_test_id("conflict")).to_contain_text("Did you take three?")
    page.get_by_test_id("keep-mine").click()
    expect(page.locator(line(page, 1))).to_contain_text("Did you take three?")
    assert shelf.texts(visit)[1] == "Did you take three?"


def test_speakers_are_named_and_renamed_everywhere(read: Reader, shelf: Shelf, visit: str) -> None:
    page = read(visit)
    for number in (0, 3):
        page.locator(line(page, number)).get_by_test_id("speaker").click()
        page.get_by_test_id("new-speaker").fill("Ms Chen")
        page.keyboard.press("Enter")
        expect(page.locator(line(page, number)).get_by_test_id("speaker")).to_contain_text("Ms Chen")
    page.get_by_test_id("more").click()
    page.get_by_role("menuitem", name="Speakers").click()
    page.get_by_label("Another name for Ms Chen").fill("Dr. Chen")
    page.keyboard.press("Enter")
    for number in (0, 3):
        expect(page.locator(line(page, number)).get_by_test_id("speaker")).to_contain_text("Dr. Chen")
    said = shelf.ask("GET", visit, "/transcripts/1").json()["segments"]
    assert [segment["speaker"] for segment in said] == ["Dr. Chen", "", "", "Dr. Chen", ""]


def test_the_title_is_changed_in_place_and_a_recording_is_brought_back_from_the_trash(
    read: Reader, shelf: Shelf, visit: str
) -> None:
    page = read(visit)
    page.get_by_test_id("edit-title").click()
    page.get_by_test_id("title-input").fill("Visit in December")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Visit in December")

    page.get_by_test_id("recording-menu").click()
    page.get_by_test_id("trash").click()
    expect(page.get_by_test_id("library-page")).to_be_visible()
    page.get_by_test_id("toast-action").click()
    expect(page.get_by_test_id("transcript-page")).to_be_visible()
    assert shelf.ask("GET", visit).json()["trashed_at"] is None
