"""A service with recordings, and a browser that opens their pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from care_voice.config import load_settings
from care_voice.store.opening import open_database
from support.server import environment, running_service
from support.shelf import Shelf

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def shelf(model_store: Path, speech: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    data_dir = tmp_path_factory.mktemp("transcripts")
    settings = load_settings(environment(data_dir, model_store, {}))
    sound = (speech / "en" / "jfk.flac").read_bytes()
    with (
        running_service(data_dir, model_store) as service,
        closing(open_database(settings.store, data_dir)) as database,
    ):
        yield Shelf(service, database, sound)


@pytest.fixture
def read(launch: Callable[..., Browser], shelf: Shelf) -> Callable[..., Page]:
    """Open the page of a recording; whatever the page complains of fails the test."""

    def open_page(recording_id: str, *, wait: bool = True, **options: Any) -> Page:
        context = {"locale": "en", "viewport": {"width": 1280, "height": 800}, "accept_downloads": True, **options}
        page = launch("--autoplay-policy=no-user-gesture-required").new_context(**context).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: pytest.fail(f"the page: {error}"))
        page.goto(f"{shelf.service.url}/recordings/{recording_id}")
        if wait:
            expect(page.get_by_test_id("lines")).to_be_visible()
        return page

    return open_page
