"""Rollouts with the real steward, HAProxy and containers of the image that was built from this checkout."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.constant_load import FEW, Load
from support.contained import Contained, faulty_image
from support.containers import BUILD_TIMEOUT_S, ContainerLab
from support.deployments import kept_running
from support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed"),
    pytest.mark.timeout(BUILD_TIMEOUT_S),
]
_AGAIN_S = 120.0


@pytest.fixture(scope="module")
def deployed(
    container_lab: ContainerLab, container_image: str, model_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Contained]:
    """A service in a container behind its entrance; each test leaves one good release in it."""
    data_dir = tmp_path_factory.mktemp("contained")
    with kept_running(Contained(container_lab, container_image, data_dir, model_store)) as made:
        yield made


@pytest.fixture(scope="module")
def users() -> tuple[str, ...]:
    return FEW


def test_a_container_is_exchanged_and_the_way_back_is_unnoticed(deployed: Contained, load: Load) -> None:
    before = deployed.active
    done = deployed.deploy("start", "--set", "CARE_VOICE_LOG_LEVEL=debug")
    assert "gets 50 %" in done.stdout
    assert deployed.active != before
    assert "CARE_VOICE_LOG_LEVEL=debug" in deployed.container(deployed.active).inspect()["Config"]["Env"]
    deployed.deploy("rollback")
    assert deployed.active == before


def test_an_image_that_hears_wrong_words_is_taken_back_by_itself(
    deployed: Contained, load: Load, container_lab: ContainerLab, container_image: str
) -> None:
    before = deployed.active
    done = deployed.deploy("start", faulty_image(container_lab, container_image, "wrong"), check=False)
    assert done.returncode == 2, done.stdout
    assert "wrong words" in done.stderr
    assert (deployed.active, deployed.state["rollout"]["phase"]) == (before, "aborted")


def test_an_image_that_is_not_there_is_refused(deployed: Contained) -> None:
    done = deployed.deploy("start", "localhost/care-voice:nowhere", check=False)
    assert (done.returncode, "no such image" in done.stderr) == (1, True), done.stderr


def test_the_only_container_is_killed_and_its_users_wait_a_moment(deployed: Contained, load: Load) -> None:
    before, served = deployed.pid(deployed.active), load.done["live session"]
    deployed.kill(before)
    wait_until(lambda: deployed.pid(deployed.active) not in (0, before), "it was started again", _AGAIN_S)
    wait_until(lambda: load.done["live session"] >= served + 2, "its users are served", _AGAIN_S)


def test_a_steward_that_is_killed_finds_its_containers_again(deployed: Contained, load: Load) -> None:
    before = deployed.active
    deployed.deploy("start", "--no-follow", "--set", "CARE_VOICE_LOG_LEVEL=warning")
    deployed.wait_phase("canary")
    services = deployed.pid("blue"), deployed.pid("green")
    deployed.kill(deployed.steward_pid)
    deployed.run("start")
    deployed.wait_phase("promoted")
    assert deployed.active != before
    assert (deployed.pid("blue"), deployed.pid("green")) == services


def test_no_container_is_left_after_a_stop_with_and_without_a_steward(deployed: Contained) -> None:
    before = deployed.state
    deployed.kill(deployed.steward_pid)
    assert deployed.is_ready()
    assert "has stopped" in deployed.run("stop").stdout
    assert deployed.left == []
    assert "not running" in deployed.run("stop").stdout
    deployed.start()
    wait_until(lambda: all(map(deployed.answers, ("blue", "green"))), "both are there again", _AGAIN_S)
    after = deployed.state
    assert (after["active"], after["rollout"]) == (before["active"], before["rollout"])
    deployed.run("stop")
    assert deployed.left == []
