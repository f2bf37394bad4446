"""What every test may ask for: recorded speech, a verified model store, the real service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from care_voice.models.build import build_puller
from care_voice.models.report import Verified
from care_voice.models.settings import ModelSettings
from support.server import Service, running_service

pytest_plugins = ["support.containers", "support.databases", "support.disks", "support.s3", "support.sharing"]

PROJECT = Path(__file__).resolve().parents[1]
MODEL = "base"


@pytest.fixture(scope="session")
def speech() -> Path:
    """The folder of recorded speech with known words, which is not a part of the repository."""
    folder = PROJECT.parent / "shared" / "speech"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing: it holds the recordings that this test needs")
    return folder


@pytest.fixture(scope="session")
def verified_model() -> Verified:
    """The model `base` in the project's own store, every digest checked; pulled where it is not whole."""
    return build_puller(ModelSettings(directory=PROJECT / "data" / "models")).pull(MODEL).verified


@pytest.fixture(scope="session")
def model_store(verified_model: Verified) -> Path:
    """The project's model store. Tests only read it: one that damages a store makes a copy without hard links."""
    return PROJECT / "data" / "models"


@pytest.fixture(scope="session")
def service(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service with its default settings, shared by all tests that leave it as they found it."""
    with running_service(tmp_path_factory.mktemp("service"), model_store) as running:
        yield running
