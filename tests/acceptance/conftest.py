"""Acceptance tests start the real program and do to it what happens to it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from care_voice.models.report import Verified
from support.hub import Hub, serving_hub
from support.server import Service


@pytest.fixture
def hub(verified_model: Verified) -> Iterator[Hub]:
    """A hub that has the model."""
    with serving_hub(verified_model.view) as running:
        yield running


@pytest.fixture
def own_store(model_store: Path, tmp_path: Path) -> Path:
    """A copy of the model store that the test may damage; its blobs and views are linked as the original's are."""
    store = tmp_path / "models"
    shutil.copytree(model_store, store, ignore=shutil.ignore_patterns("incoming", "views"))
    for view in (model_store / "views").iterdir():
        for file in view.iterdir():
            target = store / "views" / view.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            blob = next(b for b in (store / "blobs" / "sha256").iterdir() if b.stat().st_size == file.stat().st_size)
            target.hardlink_to(blob)
    return store


@pytest.fixture
def start_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start services that need not become ready; all are ended with the test."""
    started: list[Service] = []

    def start(store: Path, **settings: str) -> Service:
        variables = {f"CARE_VOICE_{name}": value for name, value in settings.items()}
        service = Service(tmp_path / f"data-{len(started)}", store, variables)
        started.append(service)
        return service

    yield start
    for service in started:
        service.end()
