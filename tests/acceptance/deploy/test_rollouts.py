"""Rollouts with the real steward, HAProxy and services: who notices, what is taken back, what survives a kill."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from care_voice.models.report import Verified
from care_voice.service.selftest import CLIP
from support.constant_load import Load, constant_load
from support.deployments import Stewarded, installation, stewarded
from support.parrot import save_parrot
from support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed"),
    pytest.mark.timeout(400),
]
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
    print(dict(load.done), "reconnected", load.reconnected)


def active(deployed: Stewarded) -> str:
    slot: str = deployed.state["active"]
    return slot


def test_a_release_and_the_way_back_go_unnoticed(deployed: Stewarded, load: Load) -> None:
    before = active(deployed)
    done = deployed.deploy("start", "--set", "CARE_VOICE_LOG_LEVEL=debug")
    assert "gets 20 %" in done.stdout
    assert "gets 50 %" in done.stdout
    assert active(deployed) != before
    assert deployed.state["slots"][before] is not None
    deployed.deploy("rollback")
    assert active(deployed) == before


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("wrong", "wrong words"), ("error", "status 500"), ("slow", "times as long"), ("ends", "it ended 3 times")],
)
def test_a_release_that_fails_is_taken_back_by_itself_and_unnoticed(
    deployed: Stewarded, load: Load, tmp_path: Path, fault: str, reason: str
) -> None:
    before = active(deployed)
    done = deployed.deploy("start", str(installation(tmp_path / fault, fault)), check=False)
    assert done.returncode == 2, done.stdout
    assert reason in done.stderr
    state = deployed.state
    assert (state["active"], state["rollout"]["phase"]) == (before, "aborted")
