"""The library in a real browser, with the real service behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from support.server import Service, running_service
from support.shelves import shelve

PHONE = {"width": 390, "height": 844}
HELD_BECAUSE = "Court order 12"


@pytest.fixture(scope="module")
def shelves(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("library"), model_store) as service:
        put = service.data_dir
        shelve(put, "Good morning.", "Let us take your blood pressure.", title="Morning round", tags=["visit"])
        shelve(put, "早安，今天天氣很好。", "血壓一百三十八。", language="zh", title="家訪 陳阿嬤", tags=["家訪"])
        shelve(put, job="failed", error="no_audio_stream", filename="empty.wav")
        held = shelve(put, "This has to stay.", title="Incident")
        service.client.put(f"/api/v1/recordings/{held}/hold", json={"reason": HELD_BECAUSE}).raise_for_status()
        yield service


@pytest.fixture
def page(launch: Callable[..., Browser], shelves: Service) -> Page:
    return open_library(launch(), shelves)


def open_library(browser: Browser, service: Service, path: str = "/library", **options: object) -> Page:
    page = browser.new_context(**{"locale": "en", "timezone_id": "Asia/Taipei", **options}).new_page()
    page.set_default_timeout(30_000)
    page.goto(service.url + path)
    return page


def rows(page: Page) -> Locator:
    return page.get_by_test_id("recording")


def row(page: Page, name: str) -> Locator:
    return rows(page).filter(has_text=name)


def choose(page: Page, *names: str) -> None:
    for name in names:
        row(page, name).get_by_role("checkbox").check()


def act(page: Page, name: str, action: str) -> None:
    row(page, name).get_by_role("button", name=re.compile(f"What to do with {name}")).click()
    page.get_by_test_id(action).click()


def items(service: Service, **query: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.client.get("/api/v1/recordings", params=query).json()["items"]
    return found


def held(service: Service) -> list[tuple[str, str]]:
    return [(each["title"], each["hold_reason"]) for each in items(service, legal_hold=True)]


def test_a_row_says_what_a_recording_is(page: Page) -> None:
    expect(rows(page)).to_have_count(4)
    expect(row(page, "家訪 陳阿嬤")).to_contain_text("0:04")
    expect(row(page, "家訪 陳阿嬤")).to_contain_text("Chinese")
    expect(row(page, "家訪 陳阿嬤")).to_contain_text("早安，今天天氣很好。血壓一百三十八。")
    expect(row(page, "empty.wav")).to_contain_text("Not transcribed")
    expect(row(page, "empty.wav")).to_contain_text("The file holds no sound.")
    expect(page.get_by_test_id("total")).to_have_text("4 recordings")


def test_two_characters_find_the_line_and_lead_to_its_time(page: Page) -> None:
    expect(rows(page)).to_have_count(4)
    page.keyboard.press("/")
    page.keyboard.insert_text("血壓")
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/library\?q=%E8%A1%80%E5%A3%93$"))
    match = page.get_by_test_id("match")
    expect(match.locator("mark")).to_have_text("血壓")
    page.reload()
    expect(page.get_by_test_id("search")).to_have_value("血壓")
    match.get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/recordings/rec_[^/]+\?t=2$"))
    page.go_back()
    expect(page.get_by_test_id("search")).to_have_value("血壓")


def test_nothing_is_searched_in_the_middle_of_a_composition(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_test_id("search").focus()
    session = page.context.new_cdp_session(page)
    session.send("Input.imeSetComposition", {"text": "ㄒㄩㄝˋ", "selectionStart": 4, "selectionEnd": 4})
    page.wait_for_function("start => performance.now() - start > 600", arg=page.evaluate("performance.now()"))
    session.send("Input.insertText", {"text": "血壓"})
    expect(rows(page)).to_have_count(1)
    assert [url for url in asked if "q=%E3%84%92" in url] == []


def test_filters_are_kept_in_the_address(page: Page) -> None:
    page.get_by_test_id("filters-toggle").click()
    page.get_by_test_id("filter-language").select_option("zh")
    expect(rows(page)).to_have_count(1)
    page.get_by_test_id("filter-language").select_option("")
    page.get_by_test_id("filter-tag").select_option("visit")
    expect(row(page, "Morning round")).to_be_visible()
    expect(rows(page)).to_have_count(1)
    page.get_by_test_id("filter-from").fill("2020-01-01")
    page.reload()
    expect(page.get_by_test_id("chip")).to_have_count(2)
    page.get_by_role("button", name="Remove the filter visit").click()
    expect(rows(page)).to_have_count(4)
    page.get_by_test_id("order").select_option("title")
    expect(page).to_have_url(re.compile("order=title"))
    page.get_by_test_id("search").fill("nowhere to be found")
    expect(page.get_by_test_id("empty")).to_contain_text("Nothing fits")
    page.get_by_role("button", name="Show everything").click()
    expect(rows(page)).to_have_count(4)


def test_many_go_to_the_trash_and_come_back(page: Page, shelves: Service) -> None:
    choose(page, "Morning round", "陳阿嬤")
    expect(page.get_by_test_id("bulk")).to_contain_text("2 selected")
    page.get_by_test_id("bulk-trash").click()
    expect(rows(page)).to_have_count(2)
    expect(page.get_by_test_id("toast")).to_contain_text("2 recordings are in the trash")
    page.get_by_test_id("toast-action").click()
    expect(rows(page)).to_have_count(4)
    assert shelves.client.get("/api/v1/recordings", params={"trashed": True}).json()["items"] == []


def test_what_is_held_is_not_deleted_and_says_why(page: Page) -> None:
    act(page, "Incident", "row-trash")
    expect(page.get_by_role("dialog")).to_contain_text(HELD_BECAUSE)
    expect(page.get_by_test_id("open-held")).to_have_attribute("href", re.compile(r"^/recordings/rec_"))
    page.keyboard.press("Escape")
    choose(page, "Incident")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("bulk")).to_have_count(0)
    expect(rows(page)).to_have_count(4)


def test_a_hold_is_placed_and_released_with_the_keyboard_and_filtered_by(page: Page, shelves: Service) -> None:
    act(page, "Incident", "row-trash")
    page.get_by_test_id("open-held").click()
    page.get_by_test_id("recording-menu").press("Enter")
    page.get_by_test_id("why-held").press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(HELD_BECAUSE)
    page.get_by_test_id("ask-release-instead").press("Enter")
    expect(page.get_by_role("dialog", name="Release this recording from its legal hold?")).to_be_visible()
    page.get_by_test_id("release-hold").press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert held(shelves) == []
    expect(page.get_by_text("Legal hold", exact=True)).to_have_count(0)
    page.get_by_test_id("toast-action").press("Enter")
    expect(page.get_by_text("Legal hold", exact=True)).to_be_visible()
    assert held(shelves) == [("Incident", HELD_BECAUSE)]

    page.goto(f"{shelves.url}/library?q=round")
    row(page, "Morning round").get_by_role("link").first.press("Enter")
    page.get_by_test_id("recording-menu").press("Enter")
    page.get_by_test_id("ask-hold").press("Enter")
    expect(page.get_by_test_id("hold-reason-input")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("hold-reason-input")).to_have_accessible_description("A hold needs a reason.")
    page.keyboard.type("Complaint 7")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_test_id("transcript-page")).to_contain_text("Complaint 7")

    page.goto(f"{shelves.url}/library")
    page.get_by_test_id("filters-toggle").click()
    page.get_by_test_id("filter-state").select_option("held")
    expect(rows(page)).to_have_count(2)
    for each in ("Morning round", "Incident"):
        expect(row(page, each)).to_contain_text("Kept by a legal hold")
    release = next(each["id"] for each in items(shelves, legal_hold=True) if each["title"] == "Morning round")
    shelves.client.delete(f"/api/v1/recordings/{release}/hold").raise_for_status()


def test_tags_are_changed_together_and_changed_back(page: Page) -> None:
    choose(page, "Morning round", "陳阿嬤")
    page.get_by_test_id("bulk-tags").click()
    page.get_by_test_id("new-tag").fill("ward 3")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove the tag visit").click()
    page.get_by_test_id("tags-save").click()
    expect(row(page, "Morning round").locator(".tag")).to_have_text(["ward 3"])
    expect(row(page, "陳阿嬤").locator(".tag")).to_have_text(["ward 3", "家訪"])
    page.get_by_test_id("toast-action").click()
    expect(row(page, "Morning round").locator(".tag")).to_have_text(["visit"])
    expect(row(page, "陳阿嬤").locator(".tag")).to_have_text(["家訪"])


def test_the_keyboard_is_enough(page: Page) -> None:
    expect(rows(page)).to_have_count(4)
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_test_id("bulk")).to_contain_text("2 selected")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/recordings/rec_"))


def test_what_is_deleted_for_good_leaves_a_receipt(page: Page, shelves: Service) -> None:
    for name in ("Old talk", "Older talk"):
        shelve(shelves.data_dir, "Words of old.", title=name)
    page.reload()
    choose(page, "Old talk", "Older talk")
    page.get_by_test_id("bulk-trash").click()
    expect(rows(page)).to_have_count(4)

    page.get_by_test_id("to-trash").click()
    expect(page.get_by_test_id("trash-page")).to_contain_text("restored for 30 days")
    act(page, "Older talk", "row-restore")
    expect(rows(page)).to_have_count(1)
    act(page, "Old talk", "row-delete")
    expect(page.get_by_role("dialog")).to_contain_text("This cannot be undone")
    page.get_by_test_id("delete-confirm").click()
    receipt = page.get_by_test_id("receipt")
    expect(receipt).to_contain_text("rcp_")
    with page.expect_download() as saved:
        page.get_by_test_id("receipt-save").click()
    [kept] = json.loads(Path(saved.value.path()).read_text(encoding="utf-8"))
    assert kept["deleted"]["rows"]["transcripts"] == 1
    page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    expect(page.get_by_test_id("empty")).to_contain_text("The trash is empty")

    page.get_by_role("link", name="Back to the library").click()
    expect(rows(page)).to_have_count(5)
    act(page, "Older talk", "row-trash")
    expect(rows(page)).to_have_count(4)


def test_what_others_change_is_seen_by_itself(page: Page, shelves: Service) -> None:
    made = shelve(shelves.data_dir, job="running", title="Underway")
    page.reload()
    expect(row(page, "Underway")).to_contain_text("Being transcribed 50%")
    shelves.client.delete(f"/api/v1/recordings/{made}").raise_for_status()
    expect(row(page, "Underway")).to_have_count(0, timeout=15_000)


def test_a_finger_that_stays_chooses(launch: Callable[..., Browser], shelves: Service) -> None:
    page = open_library(launch(), shelves, viewport=PHONE, has_touch=True, is_mobile=True)
    expect(page.get_by_test_id("total")).to_contain_text("recordings")
    row(page, "Morning round").scroll_into_view_if_needed()
    box = row(page, "Morning round").get_by_role("link").bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    touch.send(
        "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": box["x"] + 9, "y": box["y"] + 9}]}
    )
    expect(page.get_by_test_id("bulk")).to_contain_text("1 selected")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    row(page, "陳阿嬤").get_by_role("link").tap()
    expect(page.get_by_test_id("bulk")).to_contain_text("2 selected")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_long_shelves_come_page_by_page(launch: Callable[..., Browser], model_store: Path, tmp_path: Path) -> None:
    with running_service(tmp_path, model_store) as service:
        page = open_library(launch(), service)
        expect(page.get_by_test_id("empty")).to_contain_text("Nothing is kept here yet")
        for number in range(120):
            shelve(tmp_path, title=f"Talk {number}", job="cancelled", created_at=1_700_000_000.0 + number)
        page.reload()
        expect(page.get_by_test_id("total")).to_have_text("120 recordings")
        while rows(page).count() < 120:
            before = rows(page).count()
            page.mouse.wheel(0, 100_000)
            expect(rows(page).nth(before)).to_be_attached()
        names = page.locator(".recording__link").all_text_contents()
        assert names == [f"Talk {number}" for number in range(119, -1, -1)]


def test_the_rows_down_to_what_is_underway_are_asked_for_soon(page: Page, shelves: Service) -> None:
    made = shelve(shelves.data_dir, job="running", title="Still underway")
    shelve(shelves.data_dir, job="cancelled", title="Newer than that")
    with page.expect_request(lambda request: "limit=2&" in request.url):
        page.reload()
    total = page.get_by_test_id("total").text_content()
    later = shelve(shelves.data_dir, job="cancelled", title="Newest")
    expect(rows(page).first).to_contain_text("Newest")
    expect(page.get_by_test_id("total")).not_to_have_text(total or "")
    for one in (made, later):
        shelves.client.delete(f"/api/v1/recordings/{one}").raise_for_status()
