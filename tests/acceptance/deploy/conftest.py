"""A service behind its entrance and people who use it all the time, shared by the tests of rollouts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from care_voice.models.report import Verified
from support.constant_load import KNOWN, MANY, WORDS, Load, constant_load
from support.deployments import Stewarded, stewarded
from support.parrot import save_parrot_store
from support.waiting import wait_until

ALL = ("request", "upload", "live session", "stream", "page")


@pytest.fixture(scope="module")
def parrot_store(verified_model: Verified, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that costs milliseconds, so that two releases and their users fit into a small machine."""
    return save_parrot_store(tmp_path_factory.mktemp("parrot"), verified_model.view)


@pytest.fixture(scope="module")
def deployed(parrot_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stewarded]:
    """A service behind its entrance; each test leaves one good release in it."""
    with stewarded(tmp_path_factory.mktemp("deployed"), parrot_store, MODEL="parrot") as made:
        yield made


@pytest.fixture(scope="module")
def users() -> tuple[str, ...]:
    """What those do who use the service all the time."""
    return MANY


@pytest.fixture
def load(deployed: Stewarded, users: tuple[str, ...]) -> Iterator[Load]:
    """Users all the time; none of them may notice anything."""
    with constant_load(deployed.url, KNOWN, WORDS, users) as load:
        wait_until(lambda: load.failed or all(load.done[each] for each in ALL), "everybody has got something")
        assert load.failed == []
        yield load
    assert load.failed == []
    print(f"{dict(load.done)}, followers reconnected {load.reconnected}, parts that were there {load.resumed}")
