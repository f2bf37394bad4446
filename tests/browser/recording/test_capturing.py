"""Microphones that work, are silent or are refused, and browsers that lack what others have."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from support.record_page import (
    MICROPHONE_RATE,
    PATIENCE_MS,
    SHORT_ENDS_S,
    SHORT_TEXT,
    error_rate,
    kept,
    microphone_file,
    open_page,
    record_until,
    shown_s,
    transcript_of,
)
from support.server import Service, running_service
from support.sound import silence

MAX_ERROR_RATE = 0.25
NO_ENCODER = "delete window.MediaRecorder;"
SILENT_ENCODER = """
window.MediaRecorder = class extends EventTarget {
    static isTypeSupported() { return true; }
    state = "inactive";
    start() { this.state = "recording"; }
    requestData() {}
    pause() {}
    resume() {}
    stop() { this.state = "inactive"; setTimeout(() => this.onstop?.(new Event("stop"))); }
};"""
NO_WORKLET = "Object.defineProperty(BaseAudioContext.prototype, 'audioWorklet', { value: undefined });"
REFUSE = """exception => {
    navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("", exception); };
}"""
WAV_AS_LONG_AS_IT_IS = b"RIFF\xff\xff\xff\xffWAVE"


def test_what_was_said_comes_back_and_is_kept(hearing: Browser, service: Service) -> None:
    page = open_page(hearing, service)
    record_until(page, SHORT_ENDS_S)
    expect(page.get_by_test_id("safety")).to_have_attribute("data-state", "sent", timeout=PATIENCE_MS)
    page.get_by_test_id("stop").click()
    assert error_rate(SHORT_TEXT, transcript_of(page)) <= MAX_ERROR_RATE
    newest = kept(service)[0]
    assert (newest["state"], newest["source"], newest["media_type"]) == ("complete", "live", "audio/webm;codecs=opus")
    expect(page.get_by_test_id("open-recording")).to_have_attribute("href", f"/recordings/{newest['id']}")


@pytest.mark.parametrize(
    "lacking", [NO_ENCODER, SILENT_ENCODER, NO_ENCODER + NO_WORKLET], ids=["no encoder", "silent encoder", "no worklet"]
)
def test_a_browser_whose_encoder_gives_nothing_records_samples_from_the_first_one_on(
    hearing: Browser, service: Service, lacking: str
) -> None:
    page = open_page(hearing, service)
    page.add_init_script(lacking)
    page.reload()
    began = time.monotonic()
    record_until(page, SHORT_ENDS_S)
    recorded_s = shown_s(page)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("timer")).to_have_count(0)
    took_s = time.monotonic() - began
    assert error_rate(SHORT_TEXT, transcript_of(page)) <= MAX_ERROR_RATE
    newest = kept(service)[0]
    assert newest["media_type"] == "audio/wav"
    assert service.client.get(f"/api/v1/recordings/{newest['id']}/audio").content.startswith(WAV_AS_LONG_AS_IT_IS)
    # However late the press came: all that the page counted, and no more than there was time for.
    assert recorded_s - 1.5 <= newest["duration_s"] <= took_s


def test_a_silent_microphone_is_told_while_it_records(
    launch: Callable[..., Browser], service: Service, tmp_path: Path
) -> None:
    flags = microphone_file(tmp_path / "nothing.wav", silence(30, MICROPHONE_RATE))
    page = open_page(launch(*flags), service)
    record_until(page, 1)
    expect(page.locator(".notice")).to_contain_text("沒有聽到聲音", timeout=PATIENCE_MS)
    page.get_by_test_id("discard").click()
    page.get_by_role("alertdialog").get_by_text("確定捨棄").click()
    expect(page.get_by_test_id("record")).to_be_visible()


def test_a_discarded_recording_is_gone_at_the_service_too(hearing: Browser, service: Service) -> None:
    page = open_page(hearing, service)
    before = len(kept(service))
    record_until(page, 3)
    assert len(kept(service)) == before + 1
    page.get_by_test_id("discard").click()
    with page.expect_response(lambda response: response.request.method == "DELETE") as answer:
        page.get_by_role("alertdialog").get_by_text("確定捨棄").click()
    assert answer.value.status == 204
    assert len(kept(service)) == before
    expect(page.get_by_test_id("history-item")).to_have_count(0)


def test_a_refused_a_missing_and_a_busy_microphone_are_told_apart(
    launch: Callable[..., Browser], service: Service
) -> None:
    page = open_page(launch("--use-fake-device-for-media-stream", "--deny-permission-prompts"), service)
    page.get_by_test_id("record").click()
    expect(page.get_by_test_id("error")).to_have_attribute("data-code", "denied")
    for exception, code in (("NotFoundError", "no_microphone"), ("NotReadableError", "busy")):
        page.evaluate(REFUSE, exception)
        page.get_by_test_id("record").click()
        expect(page.get_by_test_id("error")).to_have_attribute("data-code", code)
        expect(page.get_by_test_id("error")).to_contain_text("麥克風")


def test_a_page_without_https_says_why_there_is_no_microphone(
    launch: Callable[..., Browser], model_store: Path, tmp_path: Path
) -> None:
    with running_service(tmp_path, model_store, API__ALLOWED_HOSTS="care.test") as service:
        browser = launch("--host-resolver-rules=MAP care.test 127.0.0.1")
        page = browser.new_context(locale="zh-TW").new_page()
        page.goto(f"http://care.test:{service.port}")
        page.get_by_test_id("record").click()
        expect(page.get_by_test_id("error")).to_have_attribute("data-code", "insecure")
        expect(page.get_by_test_id("error")).to_contain_text("https")
