"""The app as a device installs it: a manifest, icons, and pages that open without a network."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from support.server import Service

CONTROLLED = "() => window.before === undefined && navigator.serviceWorker.controller !== null"


@pytest.fixture
def page(launch: Callable[..., Browser], service: Service) -> Page:
    page = launch().new_context(locale="en").new_page()
    page.set_default_timeout(30_000)
    page.goto(service.url)
    page.wait_for_function(CONTROLLED)
    return page


def test_browsers_find_nothing_that_keeps_them_from_installing_it(page: Page) -> None:
    session = page.context.new_cdp_session(page)
    expect(page.locator('link[rel="manifest"]')).to_have_attribute("href", "/manifest.en.webmanifest")
    manifest = session.send("Page.getAppManifest")
    assert manifest["url"].endswith("/manifest.en.webmanifest")
    assert manifest["errors"] == []
    errors = session.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # Each test has a private window, in which nothing is installed.
    assert [error["errorId"] for error in errors if error["errorId"] != "in-incognito"] == []


@pytest.mark.parametrize("locale", ["", ".en", ".ja", ".id", ".vi", ".fil", ".th"])
def test_each_language_has_a_manifest_of_the_same_app(service: Service, locale: str) -> None:
    answer = service.client.get(f"/manifest{locale}.webmanifest")
    assert answer.headers["content-type"].startswith("application/manifest+json")
    manifest = answer.json()
    assert (manifest["id"], manifest["scope"], manifest["start_url"]) == ("/", "/", "/")
    assert manifest["lang"] == locale.removeprefix(".") or (locale, manifest["lang"]) == ("", "zh-TW")
    for icon in manifest["icons"]:
        image = service.client.get(icon["src"])
        assert image.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", image.content[16:24])
            assert icon["sizes"] == f"{width}x{height}"


def test_the_service_worker_is_asked_for_anew_and_may_serve_every_page(service: Service) -> None:
    answer = service.client.get("/service-worker.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache"
    assert "worker-src 'self'" in answer.headers["content-security-policy"]


def test_pages_open_without_a_network_and_say_that_there_is_none(page: Page, service: Service) -> None:
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_test_id("record")).to_be_visible()
    page.goto(f"{service.url}/library?q=anything")
    expect(page.get_by_test_id("error")).to_have_attribute("data-code", "network")
    for place in ("models", "settings", "help"):
        page.get_by_test_id(f"nav-{place}").click()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_test_id("nav-library").click()
    page.context.set_offline(False)
    expect(page.get_by_test_id("error")).to_have_count(0)


def test_nothing_that_the_service_says_of_recordings_is_kept(page: Page, service: Service) -> None:
    page.goto(f"{service.url}/library")
    expect(page.get_by_test_id("loading")).to_have_count(0)
    page.goto(f"{service.url}/docs")
    kept = page.evaluate(
        "async () => (await Promise.all((await caches.keys()).map(async name =>"
        " (await (await caches.open(name)).keys()).map(request => new URL(request.url).pathname)))).flat()"
    )
    assert {"/", "/theme.js", "/favicon.svg"} <= set(kept)
    ours = re.compile(r"/(|theme\.js|old-browsers\.js|favicon\.svg|assets/[^/]+\.(js|css))")
    assert [path for path in kept if not ours.fullmatch(path)] == []


def test_a_new_version_waits_until_somebody_agrees(page: Page) -> None:
    """A worker at another address is to the browser what a new build is: it takes the place of the one before."""
    page.evaluate("navigator.serviceWorker.register('/service-worker.js?next').then(() => null)")
    expect(page.get_by_test_id("toast")).to_contain_text("A new version")
    in_control = "navigator.serviceWorker.controller.scriptURL"
    assert not page.evaluate(in_control).endswith("?next")
    page.evaluate("window.before = true")
    page.get_by_test_id("toast-action").click()
    page.wait_for_function(CONTROLLED)
    assert page.evaluate(in_control).endswith("?next")
