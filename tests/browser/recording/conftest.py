"""A browser that hears a short clip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support.record_page import microphone_file, short_clip
from support.server import Service, running_service


@pytest.fixture(scope="module")
def service(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One that these tests have for themselves: they count what it keeps."""
    with running_service(tmp_path_factory.mktemp("service"), model_store) as running:
        yield running


@pytest.fixture
def hearing(launch: Callable[..., Browser], speech: Path, tmp_path: Path) -> Browser:
    """A browser that grants the microphone, which hears the short clip."""
    return launch(*microphone_file(tmp_path / "microphone.wav", *short_clip(speech)))
