"""A transcript is listened to, however long it is, and made again, by a real browser in the real service."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from support.shelf import Shelf
from support.stored_speech import transcript_of
from support.waiting import wait_until

Reader = Callable[..., Page]
PATIENCE_MS = 30_000
MANY = 10_000
MOST_NODES = 2_500
"""In the whole page: lines that are in sight and a few beyond, whatever the transcript's length."""

LEAST_LINES = 8
LINES_IN_SIGHT = """(() => {
  const edge = (name) => document.querySelector(name).getBoundingClientRect();
  const [top, bottom] = [Math.max(0, edge(".edit-tools").bottom), edge(".player").top];
  const lines = [...document.querySelectorAll("[data-testid=line]")].map((line) => line.getBoundingClientRect());
  return lines.filter((line) => line.top >= top && line.bottom <= bottom).length;
})()"""
"""How many lines are wholly in sight."""

JFK = ("And so my fellow Americans", "ask not", "what your country can do for you,", "ask what you can do for it.")
TIME = "document.querySelector('[data-testid=position]').valueAsNumber"


def has_waveform(shelf: Shelf, recording_id: str) -> bool:
    return shelf.service.client.get(f"/api/v1/recordings/{recording_id}/waveform").status_code == 200


def test_a_click_on_a_word_plays_from_it_and_words_light_up(read: Reader, shelf: Shelf) -> None:
    recording_id = shelf.put(transcript_of(*JFK, length_s=2.5))
    wait_until(lambda: has_waveform(shelf, recording_id), "there is a waveform")
    refused: list[str] = []
    page = read(recording_id)
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    expect(page.get_by_test_id("waveform")).to_be_visible()
    page.get_by_text("country").click()
    expect(page.locator(".word[data-now]")).to_have_count(1)
    page.wait_for_function(f"{TIME} >= 6")
    expect(page.locator("[data-sounding]")).to_contain_text("what your country can do for you,")

    page.keyboard.press("k")
    expect(page.get_by_test_id("play")).to_have_accessible_name("Play")
    page.keyboard.press("j")
    page.wait_for_function(f"{TIME} < 2")
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"{TIME} >= 4")
    assert refused == []


def test_ten_thousand_lines_need_few_elements(read: Reader, shelf: Shelf) -> None:
    lines = [f"Line {number} says nothing new." for number in range(MANY)]
    recording_id = shelf.put(transcript_of(*lines, length_s=0.5))
    page = read(recording_id)
    expect(page.get_by_test_id("lines")).to_have_attribute("data-count", str(MANY))
    expect(page.get_by_text("Line 0 says")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < MOST_NODES

    page.evaluate("window.scrollTo({ top: document.documentElement.scrollHeight, behavior: 'instant' })")
    expect(page.get_by_text(f"Line {MANY - 1} says")).to_be_visible()
    page.evaluate("window.scrollTo({ top: document.documentElement.scrollHeight / 2, behavior: 'instant' })")
    expect(page.locator("[data-testid=line]").nth(3)).to_be_visible()
    assert page.evaluate("document.querySelectorAll('*').length") < MOST_NODES

    page.get_by_test_id("find").click()
    page.get_by_test_id("find-text").fill("Line 7777 says")
    expect(page.get_by_test_id("find-count")).to_have_text("1 of 1", timeout=2 * PATIENCE_MS)
    expect(page.get_by_text("Line 7777 says")).to_be_visible()


def test_made_again_it_shows_how_far_it_is_and_then_a_second_version(read: Reader, shelf: Shelf) -> None:
    recording_id = shelf.put(transcript_of(*JFK, length_s=2.5))
    page = read(recording_id)
    page.get_by_test_id("more").click()
    page.get_by_test_id("again").click()
    page.get_by_test_id("again-language").select_option("en")
    page.get_by_test_id("again-start").click()
    expect(page.get_by_test_id("work").get_by_role("progressbar")).to_be_visible()
    page.get_by_test_id("show-fresh").click(timeout=2 * PATIENCE_MS)
    expect(page.get_by_test_id("version")).to_contain_text("Version 2")
    expect(page.get_by_test_id("work")).to_have_count(0)

    page.get_by_test_id("more").click()
    page.get_by_test_id("compare").click()
    expect(page.get_by_test_id("version-rows")).to_contain_text("fellow Americans")
    expect(page.get_by_test_id("version-rows").locator("del").first).to_be_visible()
    page.get_by_test_id("make-current").click()
    wait_until(
        lambda: shelf.ask("GET", recording_id, "/transcripts/current").json()["version"] == 1,
        "the first one is current",
    )


def test_a_failure_is_explained_and_can_be_tried_again(read: Reader, shelf: Shelf) -> None:
    files = {"file": ("broken.flac", b"fLaC" + bytes(4000), "audio/flac")}
    sent = shelf.service.client.post("/api/v1/recordings", files=files)
    page = read(sent.json()["id"], wait=False)
    expect(page.get_by_test_id("work")).to_have_attribute("data-state", "failed", timeout=2 * PATIENCE_MS)
    expect(page.get_by_test_id("work-retry")).to_be_visible()


def test_a_recording_that_is_not_there_is_said_to_be_so(read: Reader) -> None:
    page = read("rec_00000000000000000000000000", wait=False)
    expect(page.get_by_test_id("error")).to_have_attribute("data-code", "recording_not_found")


def test_a_lost_connection_keeps_what_was_typed(read: Reader, shelf: Shelf) -> None:
    recording_id = shelf.put(transcript_of(*JFK, length_s=2.5))
    page = read(recording_id)
    page.locator("[data-index='0']").locator("[data-control=time]").focus()
    page.keyboard.press("e")
    page.context.set_offline(True)
    page.get_by_test_id("line-input").fill("And so, my friends")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.get_by_test_id("line-input")).to_have_value("And so, my friends")
    page.context.set_offline(False)
    page.get_by_test_id("line-input").press("Enter")
    expect(page.locator("[data-index='0']")).to_contain_text("And so, my friends")
    assert shelf.texts(recording_id)[0] == "And so, my friends"


def test_what_the_page_needs_is_asked_for_once(read: Reader, shelf: Shelf) -> None:
    recording_id = shelf.put(transcript_of(*JFK, length_s=2.5))
    wait_until(lambda: has_waveform(shelf, recording_id), "there is a waveform")
    page = read(recording_id)
    expect(page.get_by_test_id("waveform")).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    with page.expect_response(lambda response: response.url.endswith("/events")):
        page.reload()
    expect(page.get_by_test_id("waveform")).to_be_visible()
    # What has happened to the recording so far has been told by now, its waveform too.
    shelf.ask("PATCH", recording_id, json={"title": "Told last"})
    expect(page.get_by_role("heading", name="Told last")).to_be_visible()
    own = f"/api/v1/recordings/{recording_id}"
    assert asked.count(f"{own}/waveform") == 1
    assert asked.count(f"{own}/transcripts/current") == 1
    assert asked.count(own) == 2, "once at first, and once for the new title"


def test_a_phone_shows_eight_lines_between_the_head_and_the_player(read: Reader, shelf: Shelf) -> None:
    lines = ["How was the night?", "She slept well, and had tea at eight o'clock."] * 20
    recording_id = shelf.put(transcript_of(*lines, length_s=0.25), title="Morning round", tags=["visit"])
    page = read(recording_id, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(page.get_by_test_id("line").first).to_be_visible()
    assert page.evaluate(LINES_IN_SIGHT) >= LEAST_LINES
    page.evaluate("window.scrollTo({ top: 600, behavior: 'instant' })")
    page.wait_for_function(f"{LINES_IN_SIGHT} >= {LEAST_LINES}")
    page.get_by_test_id("find").click()
    expect(page.get_by_test_id("find-text")).to_be_visible()
    page.wait_for_function(f"{LINES_IN_SIGHT} >= {LEAST_LINES}")
    page.get_by_test_id("replace-switch").click()
    expect(page.get_by_test_id("replace-text")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_menus_lie_above_the_player(read: Reader, shelf: Shelf) -> None:
    recording_id = shelf.put(transcript_of("How was the night?", "She slept well.", length_s=0.25))
    page = read(recording_id, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    expect(page.get_by_test_id("line").first).to_be_visible()
    page.get_by_test_id("export").click()
    items = page.get_by_role("menuitem")
    expect(items).not_to_have_count(0)
    for item in items.all():
        item.click(trial=True)
