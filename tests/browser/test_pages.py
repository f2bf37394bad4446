"""The pages of the app and what stands around them: addresses, the focus, settings, and words for what is not there."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from support.server import Service

PATIENCE_MS = 30_000
PAGES = ["/", "/library", "/library/trash", "/models", "/settings", "/help", "/nowhere"]
PHONE = {"width": 320, "height": 640}


def open_at(browser: Browser, service: Service, address: str, **options: object) -> Page:
    page = browser.new_context(**{"locale": "en-US", **options}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{service.url}{address}")
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    return page


def test_each_page_has_an_address_and_takes_the_focus_to_its_heading(
    launch: Callable[..., Browser], service: Service
) -> None:
    page = open_at(launch(), service, "/")
    for name, address, title in (
        ("library", "/library", "Library"),
        ("settings", "/settings", "Settings"),
        ("help", "/help", "Help"),
        ("models", "/models", "Speech models"),
        ("record", "/", "Record"),
    ):
        page.get_by_test_id(f"nav-{name}").click()
        expect(page).to_have_url(f"{service.url}{address}")
        expect(page).to_have_title(f"{title} – Care Voice")
        expect(page.get_by_role("heading", level=1, name=title)).to_be_focused()
        expect(page.get_by_test_id(f"nav-{name}")).to_have_attribute("aria-current", "page")
    page.go_back()
    expect(page).to_have_title("Speech models – Care Voice")


def test_an_old_address_still_leads_to_its_page(launch: Callable[..., Browser], service: Service) -> None:
    page = open_at(launch(), service, "/#/models")
    expect(page).to_have_url(f"{service.url}/models")
    expect(page.get_by_test_id("models-page")).to_be_visible()


def test_what_is_not_there_says_so_and_leads_on(launch: Callable[..., Browser], service: Service) -> None:
    page = open_at(launch(), service, "/nowhere")
    expect(page.get_by_test_id("not-found-page")).to_contain_text("does not exist")
    page.get_by_test_id("not-found-page").get_by_role("link", name="Library").click()
    expect(page.get_by_test_id("library-page")).to_be_visible()
    page = open_at(page.context.browser, service, "/recordings/rec_nothing")  # type: ignore[arg-type]
    expect(page.get_by_test_id("error")).to_have_attribute("data-code", "recording_not_found")


def test_colours_and_contrast_are_chosen_and_stay(launch: Callable[..., Browser], service: Service) -> None:
    page = open_at(launch(), service, "/settings", color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_test_id("settings-theme").get_by_text("Dark").click()
    dark = page.evaluate(ground)
    page.get_by_test_id("settings-contrast").get_by_text("High", exact=True).click()
    assert len({light, dark, page.evaluate(ground)}) == 3
    page.reload()
    expect(page.get_by_role("radio", name="Dark")).to_be_checked()
    assert page.evaluate(ground) == "rgb(0, 0, 0)"


@pytest.mark.parametrize(("preferred", "name"), [("fil-PH", "fil"), ("th", "th"), ("ko-KR", "zh-TW")])
def test_the_page_begins_in_the_language_of_the_browser(
    launch: Callable[..., Browser], service: Service, preferred: str, name: str
) -> None:
    page = open_at(launch(), service, "/", locale=preferred)
    expect(page.locator("html")).to_have_attribute("lang", name)
    expect(page.get_by_test_id("language-switch")).to_have_value(name)


def test_a_language_that_cannot_be_had_leaves_the_page_as_it_is(
    launch: Callable[..., Browser], service: Service
) -> None:
    page = open_at(launch(), service, "/settings")
    page.context.set_offline(True)
    page.get_by_test_id("language-switch").select_option("zh-TW")
    expect(page.get_by_test_id("toast")).to_contain_text("connection")
    expect(page.get_by_test_id("language-switch")).to_have_value("en")
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_page_without_network_says_so_and_comes_back(launch: Callable[..., Browser], service: Service) -> None:
    page = open_at(launch(), service, "/library")
    expect(page.get_by_test_id("loading")).to_have_count(0)
    page.route("**/api/v1/recordings*", lambda route: route.abort())
    page.reload()
    expect(page.get_by_test_id("error")).to_have_attribute("data-code", "network")
    page.unroute("**/api/v1/recordings*")
    page.get_by_test_id("error").get_by_role("button").click()
    expect(page.get_by_test_id("error")).to_have_count(0)


def test_no_page_is_wider_than_a_small_phone_and_the_console_stays_clean(
    launch: Callable[..., Browser], service: Service
) -> None:
    browser = launch()
    for locale in ("zh-TW", "en-US"):
        page = browser.new_context(viewport=PHONE, locale=locale).new_page()
        page.set_default_timeout(PATIENCE_MS)
        complaints: list[str] = []
        page.on("console", lambda message, said=complaints: said.append(message.text))
        page.on("pageerror", lambda error, said=complaints: said.append(str(error)))
        for address in PAGES:
            page.goto(f"{service.url}{address}")
            expect(page.get_by_role("heading", level=1)).to_have_count(1)
            expect(page.get_by_test_id("loading")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), address
        assert [line for line in complaints if not re.search("status of 404", line)] == []
