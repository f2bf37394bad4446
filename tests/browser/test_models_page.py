"""The Models page in a real browser, over the real service and a hub whose weights can be held up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from support.hub import Hub, serving_hub
from support.own_model import FILES, NAME, pulling_from, store_with_own_model, view_of_own_model
from support.server import Service, running_service

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serving_hub(view_of_own_model(tmp_path_factory.mktemp("hub") / "view")) as running:
        yield running


@pytest.fixture(scope="module")
def store(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_with_own_model(model_store, tmp_path_factory.mktemp("store") / "models")


@pytest.fixture(scope="module")
def running(hub: Hub, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service"), store, **pulling_from(hub)) as service:
        yield service


@pytest.fixture
def service(running: Service, hub: Hub) -> Iterator[Service]:
    """A service without the own model, and a hub that holds nothing up; so again afterwards."""
    hub.gate.set()
    yield running
    hub.gate.set()
    running.client.delete(f"/api/v1/models/{NAME}/operation")
    assert running.client.delete(f"/api/v1/models/{NAME}").status_code in (204, 404)


def open_models(browser: Browser, service: Service, **options: object) -> Page:
    page = browser.new_context(**{"locale": "zh-TW", "viewport": {"width": 1280, "height": 800}, **options}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{service.url}/models")
    expect(state(page)).not_to_be_empty()
    return page


def card(page: Page, name: str = NAME) -> Locator:
    return page.get_by_test_id(f"model-{name}")


def state(page: Page, name: str = NAME) -> Locator:
    return card(page, name).get_by_test_id("model-state")


def press(page: Page, icon: str, name: str = NAME) -> None:
    card(page, name).get_by_test_id(f"model-{icon}").click()


def pulled(page: Page) -> None:
    press(page, "download")
    expect(state(page)).to_have_text("已安裝", timeout=PATIENCE_MS)


def test_two_pages_follow_one_pull_to_its_end(launch: Callable[..., Browser], service: Service, hub: Hub) -> None:
    browser = launch()
    page, other = open_models(browser, service), open_models(browser, service, locale="en-US")
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url))
    expect(state(page)).to_have_text("尚未安裝")
    hub.gate.clear()
    press(page, "download")
    for each, phase in ((page, "下載中"), (other, "Downloading")):
        progress = card(each).get_by_test_id("model-progress")
        expect(progress).to_contain_text(phase, timeout=PATIENCE_MS)
        expect(progress.get_by_test_id("model-percent")).to_have_text(re.compile(r"^(4\d|50)\s?%$"))
        bar = progress.get_by_role("progressbar")
        assert 40 <= int(bar.get_attribute("aria-valuenow") or 0) <= 50
    assert f"{service.url}/api/v1/models/{NAME}/events" in streams
    hub.gate.set()
    expect(state(page)).to_have_text("已安裝", timeout=PATIENCE_MS)
    expect(state(other)).to_have_text("Installed", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("models-news")).to_have_text(f"模型 {NAME} 已下載並通過驗證。")
    expect(other.get_by_test_id("models-news")).to_have_text(f"The model {NAME} is downloaded and verified.")
    expect(card(page)).to_contain_text("模型庫")


def test_a_page_that_is_opened_later_shows_how_far_the_pull_is(
    launch: Callable[..., Browser], service: Service, hub: Hub
) -> None:
    hub.gate.clear()
    assert service.client.post(f"/api/v1/models/{NAME}/pull").status_code == 202
    page = open_models(launch(), service)
    expect(card(page).get_by_test_id("model-percent")).to_have_text(re.compile(r"^(4\d|50)\s?%$"))
    hub.gate.set()
    expect(state(page)).to_have_text("已安裝", timeout=PATIENCE_MS)


def test_a_pull_is_cancelled_and_taken_up_again(launch: Callable[..., Browser], service: Service, hub: Hub) -> None:
    page = open_models(launch(), service)
    hub.gate.clear()
    press(page, "download")
    press(page, "close")
    expect(state(page)).to_have_text("尚未安裝", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("models-news")).to_have_text(f"已取消下載模型 {NAME}。")
    assert card(page).get_by_test_id("error").count() == 0
    hub.gate.set()
    pulled(page)


def test_damage_is_found_explained_and_repaired(launch: Callable[..., Browser], service: Service, store: Path) -> None:
    page = open_models(launch(), service)
    pulled(page)
    weights = store / "views" / NAME / "model.bin"
    weights.chmod(0o644)
    weights.write_bytes(FILES["model.bin"][:-1] + b"\0")
    press(page, "shield")
    expect(state(page)).to_have_text("已損壞", timeout=PATIENCE_MS)
    error = card(page).get_by_test_id("error")
    expect(error).to_have_count(1)
    expect(error).to_contain_text("修復")
    error.locator("summary").click()
    expect(error).to_contain_text("model.bin")
    press(page, "retry")
    expect(state(page)).to_have_text("已安裝", timeout=PATIENCE_MS)
    assert weights.read_bytes() == FILES["model.bin"]


def test_a_model_that_no_source_has_says_so_with_the_details(launch: Callable[..., Browser], service: Service) -> None:
    page = open_models(launch(), service)
    press(page, "download", "large-v3")
    error = card(page, "large-v3").get_by_test_id("error")
    expect(error).to_have_attribute("data-code", "all_sources_failed", timeout=PATIENCE_MS)
    expect(error).to_contain_text("所有來源都無法下載")
    error.locator("summary").click()
    expect(error).to_contain_text("config.json")


def test_a_model_is_removed_with_the_keyboard_alone(launch: Callable[..., Browser], service: Service) -> None:
    page = open_models(launch(), service)
    pulled(page)
    card(page).get_by_test_id("model-trash").focus()
    page.keyboard.press("Enter")
    question = card(page).get_by_role("alertdialog")
    expect(question).to_contain_text("3 MB")
    expect(question.get_by_role("button", name="保留")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(page).get_by_test_id("model-shield")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(state(page)).to_have_text("尚未安裝", timeout=PATIENCE_MS)
    expect(card(page).get_by_test_id("model-download")).to_be_focused()
    expect(page.get_by_test_id("models-news")).to_have_text(f"模型 {NAME} 已移除。")


def test_the_served_model_can_be_verified_and_not_removed(launch: Callable[..., Browser], service: Service) -> None:
    page = open_models(launch(), service)
    expect(card(page, "base")).to_contain_text("使用中")
    assert card(page, "base").get_by_test_id("model-trash").count() == 0
    press(page, "shield", "base")
    expect(page.get_by_test_id("models-news")).to_have_text(
        "模型 base 已通過驗證，所有檔案都正確。", timeout=PATIENCE_MS
    )
    expect(page.get_by_test_id("disk")).to_contain_text("148 MB")


def test_a_recording_goes_on_while_one_looks_at_the_models(speaking: Browser, service: Service) -> None:
    page = speaking.new_context(locale="zh-TW").new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(service.url)
    page.get_by_test_id("record").click()
    expect(page.get_by_test_id("timer")).to_contain_text("0:01", timeout=PATIENCE_MS)
    page.get_by_test_id("nav-models").click()
    expect(page.get_by_role("heading", level=1, name="語音模型")).to_be_focused()
    expect(page.get_by_test_id("recording-goes-on")).to_contain_text("0:05", timeout=PATIENCE_MS)
    page.keyboard.press("r")
    page.get_by_test_id("recording-goes-on").click()
    expect(page.get_by_test_id("models-page")).to_have_count(0)
    expect(page.get_by_test_id("timer")).to_contain_text("0:12", timeout=PATIENCE_MS)
    page.get_by_test_id("stop").click()
    expect(page.get_by_test_id("download-srt")).to_be_visible(timeout=PATIENCE_MS)
    text = " ".join(row.inner_text() for row in page.get_by_test_id("segment").all()).lower()
    assert "fellow american" in text
    assert "for your country" in text


def test_the_page_has_an_address_and_both_languages(launch: Callable[..., Browser], service: Service) -> None:
    page = open_models(launch(), service)
    expect(page).to_have_title("語音模型 – Care Voice")
    page.get_by_test_id("language-switch").select_option("en")
    expect(page).to_have_title("Speech models – Care Voice")
    page.reload()
    expect(state(page, "tiny")).to_have_text("Not installed")
    page.get_by_test_id("nav-record").click()
    expect(page.get_by_test_id("record")).to_be_visible()
    expect(page).to_have_title("Record – Care Voice")
    page.go_back()
    expect(page.get_by_test_id("models-page")).to_be_visible()


def test_nothing_is_wider_than_a_small_phone_and_the_console_stays_clean(
    launch: Callable[..., Browser], service: Service
) -> None:
    browser = launch()
    complaints: list[str] = []
    for scheme, locale in (("light", "zh-TW"), ("dark", "en-US")):
        page = browser.new_context(
            viewport={"width": 320, "height": 640}, color_scheme=scheme, locale=locale
        ).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{service.url}/#/models")
        for summary in card(page, "base").locator("summary").all():
            summary.click()
        expect(card(page, "base")).to_contain_text("Systran/faster-whisper-base")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert complaints == []


def test_the_page_comes_back_with_the_service(
    launch: Callable[..., Browser], hub: Hub, model_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_with_own_model(model_store, tmp_path / "models")
    with running_service(tmp_path / "first", store, **pulling_from(hub)) as first:
        page = open_models(launch(), first)
        hub.gate.clear()
        press(page, "download")
        expect(card(page).get_by_test_id("model-percent")).to_be_visible(timeout=PATIENCE_MS)
        assert first.stop() == 0
    hub.gate.set()
    expect(page.get_by_role("alert")).to_contain_text("無法連線", timeout=PATIENCE_MS)
    monkeypatch.setattr("support.server.free_port", lambda: first.port)
    with running_service(tmp_path / "second", store, **pulling_from(hub)):
        expect(page.get_by_role("alert")).to_have_count(0, timeout=PATIENCE_MS)
        pulled(page)
