"""What is recorded reaches the service whatever happens on the way: network, page, tab, a full disk."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, BrowserContext, Error, Page, Route, expect

from support.record_page import (
    MICROPHONE_RATE,
    PATIENCE_MS,
    SHORT_ENDS_S,
    SHORT_TEXT,
    error_rate,
    kept,
    open_in,
    open_page,
    record_until,
    transcript_of,
)
from support.server import Service
from support.sound import decoded, silence, wav
from support.waiting import wait_until

MAX_ERROR_RATE = 0.25
PART_BYTES = 4 * 1024 * 1024
APPENDING = "**/api/v1/uploads/*"


def crash(page: Page) -> None:
    """The tab ends without a word to its page, as when the system needs its memory."""
    with suppress(Error):
        page.goto("chrome://crash")
    page.close()


def safety(page: Page, state: str) -> None:
    expect(page.get_by_test_id("safety")).to_have_attribute("data-state", state, timeout=PATIENCE_MS)


def whole(service: Service) -> bool:
    """Whether the newest recording is as long as the clip, and a recording."""
    newest = kept(service)[0]
    return newest["state"] == "complete" and (newest["duration_s"] or 0) > SHORT_ENDS_S - 1.5


def test_a_network_that_fails_in_the_middle_loses_nothing(hearing: Browser, service: Service) -> None:
    page = open_page(hearing, service)
    record_until(page, 2)
    page.context.set_offline(True)
    safety(page, "waiting")
    record_until(page, SHORT_ENDS_S)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("sending")).to_have_attribute("data-phase", "waiting")
    expect(page.get_by_test_id("sending")).to_contain_text("保存在這台裝置上")
    page.context.set_offline(False)
    assert error_rate(SHORT_TEXT, transcript_of(page)) <= MAX_ERROR_RATE
    assert whole(service)


def test_a_recording_that_never_had_a_network_is_sent_when_there_is_one(hearing: Browser, service: Service) -> None:
    page = open_page(hearing, service)
    before = len(kept(service))
    page.context.set_offline(True)
    record_until(page, SHORT_ENDS_S)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("sending")).to_be_visible()
    page.context.set_offline(False)
    assert error_rate(SHORT_TEXT, transcript_of(page)) <= MAX_ERROR_RATE
    assert len(kept(service)) == before + 1


def test_a_tab_that_is_killed_while_the_network_is_away_has_kept_what_was_said(
    hearing: Browser, service: Service
) -> None:
    page = open_page(hearing, service)
    record_until(page, 2)
    # Of this page alone: a browser whose tab has crashed does not always hear that it is online again.
    page.route("**/api/**", lambda route: route.abort())
    safety(page, "waiting")
    record_until(page, SHORT_ENDS_S + 1)
    crash(page)
    assert_recovered(page.context, service)


def test_a_page_that_is_loaded_again_in_the_middle_ends_the_recording_and_keeps_it(
    hearing: Browser, service: Service
) -> None:
    page = open_page(hearing, service)
    page.on("dialog", lambda dialog: dialog.accept())
    record_until(page, SHORT_ENDS_S + 1)
    page.reload()
    expect(page.get_by_test_id("recovered")).to_contain_text("已保留", timeout=PATIENCE_MS)
    page.get_by_test_id("history-item").click()
    assert error_rate(SHORT_TEXT, transcript_of(page)) <= MAX_ERROR_RATE
    expect(page.get_by_test_id("recovered")).to_contain_text("已全部送達")
    assert whole(service)


def test_another_window_takes_over_what_a_killed_tab_has_left(hearing: Browser, service: Service) -> None:
    page = open_page(hearing, service)
    record_until(page, SHORT_ENDS_S + 1)
    other = open_in(page.context, service)
    expect(other.get_by_test_id("recovered")).to_have_count(0)
    crash(page)
    expect(other.get_by_test_id("recovered")).to_be_visible(timeout=PATIENCE_MS)
    wait_until(lambda: whole(service), "the recording is complete")


def test_a_full_service_is_waited_for(hearing: Browser, service: Service) -> None:
    page = open_page(hearing, service)
    refusals = ["507", "503", "429"]

    def refuse(route: Route) -> None:
        if route.request.method == "PATCH" and refusals:
            route.fulfill(status=int(refusals.pop()), headers={"Retry-After": "1"}, body="")
        else:
            route.continue_()

    page.route(APPENDING, refuse)
    record_until(page, SHORT_ENDS_S)
    page.get_by_test_id("stop").click()
    assert error_rate(SHORT_TEXT, transcript_of(page)) <= MAX_ERROR_RATE
    assert refusals == []
    assert whole(service)


def test_a_file_goes_on_where_it_was_when_it_is_chosen_again(
    hearing: Browser, service: Service, speech: Path, tmp_path: Path
) -> None:
    page = open_page(hearing, service)
    page.on("dialog", lambda dialog: dialog.accept())
    path = large_file(tmp_path / "visit.wav", speech)
    offsets: list[int] = []

    def first_part_alone(route: Route) -> None:
        if route.request.method != "PATCH":
            route.continue_()
            return
        offsets.append(int(route.request.headers["upload-offset"]))
        route.continue_() if offsets == [0] else route.abort()

    page.route(APPENDING, first_part_alone)
    page.get_by_test_id("file-input").set_input_files(path)
    expect(page.get_by_test_id("sending")).to_have_attribute("data-phase", "waiting", timeout=PATIENCE_MS)
    page.reload()
    expect(page.get_by_test_id("sending")).to_have_attribute("data-phase", "needs_file", timeout=PATIENCE_MS)
    # Not before: the first page would have sent the rest by itself.
    page.unroute(APPENDING)
    with page.expect_request(lambda request: request.method == "PATCH") as patch:
        page.get_by_test_id("file-input").set_input_files(path)
    assert patch.value.headers["upload-offset"] == str(PART_BYTES)
    assert "fellow americans" in transcript_of(page).lower()
    newest = kept(service)[0]
    assert service.client.get(f"/api/v1/recordings/{newest['id']}/audio").content == path.read_bytes()


def test_files_are_paused_resumed_and_cancelled_each_by_itself(
    hearing: Browser, service: Service, speech: Path, tmp_path: Path
) -> None:
    page = open_page(hearing, service)
    held: list[Route] = []
    page.route(APPENDING, lambda route: held.append(route) if route.request.method == "PATCH" else route.continue_())
    before = len(kept(service))
    one, other = large_file(tmp_path / "one.wav", speech), large_file(tmp_path / "other.wav", speech)
    page.get_by_test_id("file-input").set_input_files([one, other])
    expect(page.get_by_test_id("sending")).to_have_count(2)
    listed = page.get_by_test_id("sending-list").get_by_test_id("sending")
    shown = page.locator("#transcript").get_by_test_id("sending")
    wait_until(lambda: page.evaluate("1") and len(held) == 2, "both are being sent")
    shown.get_by_test_id("pause-sending").click()
    expect(shown).to_have_attribute("data-phase", "held")
    listed.get_by_test_id("cancel-sending").click()
    expect(listed).to_have_count(0)
    wait_until(lambda: page.evaluate("1") and len(kept(service)) == before + 1, "one is withdrawn")
    page.unroute(APPENDING)
    shown.get_by_test_id("resume-sending").click()
    assert "fellow americans" in transcript_of(page).lower()


def test_what_is_given_up_while_it_is_completed_is_not_in_the_library(hearing: Browser, service: Service) -> None:
    page = open_page(hearing, service)
    before = len(kept(service))
    completing: list[Route] = []

    def hold_up(route: Route) -> None:
        completing.append(route)

    page.route("**/complete", hold_up)
    record_until(page, 2)
    page.get_by_test_id("stop").click()
    wait_until(lambda: page.evaluate("1") and completing, "the last request is out")
    answer = completing[0].fetch()
    assert answer.ok
    assert len(kept(service)) == before + 1
    page.get_by_test_id("cancel-sending").click()
    page.get_by_role("alertdialog").get_by_text("確定移除").click()
    expect(page.get_by_test_id("sending")).to_have_count(0)
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        completing[0].fulfill(response=answer)
    wait_until(lambda: page.evaluate("1") and len(kept(service)) == before, "it is out of the library")


def assert_recovered(context: BrowserContext, service: Service) -> None:
    page = open_in(context, service)
    expect(page.get_by_test_id("recovered")).to_contain_text("已保留", timeout=PATIENCE_MS)
    page.get_by_test_id("history-item").click()
    assert error_rate(SHORT_TEXT, transcript_of(page)) <= MAX_ERROR_RATE
    assert whole(service)


def large_file(path: Path, speech: Path) -> Path:
    """More than is sent at a time."""
    sound = np.concatenate([decoded(speech / "en" / "jfk.flac", MICROPHONE_RATE), silence(20, MICROPHONE_RATE)])
    path.write_bytes(wav(sound, MICROPHONE_RATE, channels=2))
    assert path.stat().st_size > PART_BYTES
    return path
