"""A service behind its entrance and people who use it all the time, shared by the tests of rollouts."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from care_voice.models.report import Verified
from care_voice.service.selftest import CLIP
from support.constant_load import Load, constant_load
from support.deployments import Stewarded, stewarded
from support.parrot import save_parrot
from support.waiting import wait_until

KNOWN = files("care_voice.service").joinpath(CLIP).read_bytes()
ALL = ("request", "upload", "live session", "stream", "page")
WORDS = "what you can do for your country"


@pytest.fixture(scope="module")
def parrot_store(verified_model: Verified, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that costs milliseconds, so that two releases and their users fit into a small machine."""
    folder = tmp_path_factory.mktemp("parrot")
    store = folder / "store"
    store.mkdir()
    parrot = save_parrot(folder / "parrot", verified_model.view)
    (store / "models.toml").write_text(f'[models.parrot]\ndirectory = "{parrot}"\n', encoding="utf-8")
    return store


@pytest.fixture(scope="module")
def deployed(parrot_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stewarded]:
    """A service behind its entrance; each test leaves one good release in it."""
    with stewarded(tmp_path_factory.mktemp("deployed"), parrot_store, MODEL="parrot") as made:
        yield made


@pytest.fixture
def load(deployed: Stewarded) -> Iterator[Load]:
    """Users all the time; none of them may notice anything."""
    with constant_load(deployed.url, KNOWN, WORDS) as load:
        wait_until(lambda: load.failed or all(load.done[each] for each in ALL), "everybody has got something")
        assert load.failed == []
        yield load
    assert load.failed == []
    print(f"{dict(load.done)}, followers reconnected {load.reconnected}, parts that were there {load.resumed}")
