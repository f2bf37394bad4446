"""The page as its users meet it: a real browser, a real microphone's sound, the real service."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from support.record_page import PATIENCE_MS, error_rate, normalised, open_page, record_until, transcript_of
from support.server import Service

JFK = "and so my fellow americans ask not what your country can do for you ask what you can do for your country"
MAX_WORD_ERROR_RATE = 0.2
"""Echo cancellation and noise suppression change a word here and there: 22 words, of which 4 may be wrong."""


def download(page: Page, kind: str) -> str:
    with page.expect_download() as started:
        page.get_by_test_id(f"download-{kind}").click()
    return Path(started.value.path()).read_text(encoding="utf-8")


def test_a_recording_from_the_microphone_becomes_the_words_that_were_said(speaking: Browser, service: Service) -> None:
    page = open_page(speaking, service)
    record_until(page, 13)
    page.get_by_test_id("stop").click()
    heard = transcript_of(page)
    assert error_rate(JFK, heard) <= MAX_WORD_ERROR_RATE, heard


def test_a_chosen_file_gives_segments_that_play_from_their_place_and_files_to_keep(
    launch: Callable[..., Browser], service: Service, speech: Path
) -> None:
    page = open_page(launch("--autoplay-policy=no-user-gesture-required"), service)
    page.get_by_test_id("file-input").set_input_files(speech / "variants" / "katie-steve.webm")
    assert "transcription capability" in transcript_of(page).lower()
    page.get_by_test_id("segment-time").nth(4).click()
    page.wait_for_function("() => [...document.querySelectorAll('audio')].some(a => a.currentTime > 9 && !a.paused)")
    srt = download(page, "srt")
    assert srt.startswith("1\n00:00:01,")
    assert "Good morning, Steve." in srt
    assert download(page, "vtt").startswith("WEBVTT\n")
    assert '"words"' in download(page, "json")
    assert "Good morning, Katie." in download(page, "txt")


def test_the_page_speaks_both_languages_and_remembers_the_choice(
    launch: Callable[..., Browser], service: Service
) -> None:
    page = open_page(launch(), service)
    expect(page.locator("html")).to_have_attribute("lang", "zh-TW")
    expect(page.get_by_test_id("record")).to_have_accessible_name(re.compile("錄音"))
    page.get_by_test_id("language-switch").select_option("en")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.get_by_test_id("record")).to_have_accessible_name(re.compile("record", re.IGNORECASE))


def test_the_chosen_profile_and_names_are_sent_and_remembered(
    launch: Callable[..., Browser], service: Service, speech: Path
) -> None:
    page = open_page(launch(), service)
    expect(page.get_by_test_id("profile")).to_have_value("balanced")
    page.get_by_test_id("profile").select_option(label="準確")
    page.get_by_test_id("language").select_option("en")
    page.get_by_test_id("hotwords").fill("Liddy, Mr. Jamieson")
    page.reload()
    expect(page.get_by_test_id("profile")).to_have_value("accurate")
    expect(page.get_by_test_id("hotwords")).to_have_value("Liddy, Mr. Jamieson")
    before = service.metric("care_voice_window_extra_passes_total", model="base")
    page.get_by_test_id("file-input").set_input_files(speech / "en" / "ls-533-1066-0002.flac")
    assert "kissed Liddy" in transcript_of(page)
    assert service.metric("care_voice_window_extra_passes_total", model="base") == before + 1


def test_a_letter_typed_into_the_names_is_no_shortcut(launch: Callable[..., Browser], service: Service) -> None:
    page = open_page(launch(), service)
    page.get_by_test_id("hotwords").press_sequentially("r ")
    expect(page.get_by_test_id("hotwords")).to_have_value("r ")
    expect(page.get_by_test_id("record")).to_have_accessible_name(re.compile("開始"))


def test_a_file_that_is_no_recording_gets_a_clear_word_and_the_page_goes_on(
    launch: Callable[..., Browser], service: Service, speech: Path, tmp_path: Path
) -> None:
    page = open_page(launch(), service)
    letter = tmp_path / "letter.mp3"
    letter.write_text("not a recording\n" * 100, encoding="utf-8")
    page.get_by_test_id("file-input").set_input_files(letter)
    expect(page.get_by_test_id("error")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_test_id("error")).to_contain_text(re.compile("[\u4e00-\u9fff]"))
    page.get_by_test_id("file-input").set_input_files(speech / "en" / "jfk.flac")
    assert "fellow americans" in normalised(transcript_of(page))


def test_a_recording_of_silence_is_said_to_hold_no_speech(
    launch: Callable[..., Browser], service: Service, speech: Path
) -> None:
    page = open_page(launch(), service)
    page.get_by_test_id("file-input").set_input_files(speech / "nospeech" / "silence-10s.flac")
    expect(page.get_by_test_id("empty-result")).to_be_visible(timeout=PATIENCE_MS)


def test_a_refused_microphone_is_explained(launch: Callable[..., Browser], service: Service) -> None:
    page = open_page(launch("--use-fake-device-for-media-stream", "--deny-permission-prompts"), service)
    page.get_by_test_id("record").click()
    expect(page.get_by_test_id("error")).to_contain_text("麥克風", timeout=PATIENCE_MS)


def test_the_keyboard_alone_is_enough(speaking: Browser, service: Service) -> None:
    page = open_page(speaking, service)
    page.keyboard.press("r")
    expect(page.get_by_test_id("timer")).to_contain_text("0:04", timeout=PATIENCE_MS)
    page.keyboard.press("r")
    assert "fellow" in normalised(transcript_of(page))


def test_nothing_is_wider_than_a_small_phone_and_the_console_stays_clean(
    launch: Callable[..., Browser], service: Service, speech: Path
) -> None:
    browser = launch()
    complaints: list[str] = []
    for scheme in ("light", "dark"):
        page = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(service.url)
        page.get_by_test_id("file-input").set_input_files(speech / "en" / "jfk.flac")
        assert transcript_of(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []
