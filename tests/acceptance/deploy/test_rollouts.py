"""Rollouts with the real steward, HAProxy and services: who notices, what is taken back, what survives a kill."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from care_voice.ops.deploy.state_file import DeployFolder
from support.constant_load import Load
from support.deployments import Stewarded, installation, stewarded
from support.waiting import wait_until

pytestmark = [
    pytest.mark.skipif(shutil.which("haproxy") is None, reason="HAProxy is not installed"),
    pytest.mark.timeout(400),
]


def test_a_release_and_the_way_back_go_unnoticed(deployed: Stewarded, load: Load) -> None:
    before = deployed.active
    done = deployed.deploy("start", "--set", "CARE_VOICE_LOG_LEVEL=debug")
    assert "gets 20 %" in done.stdout
    assert "gets 50 %" in done.stdout
    assert deployed.active != before
    assert deployed.state["slots"][before] is not None
    deployed.deploy("rollback")
    assert deployed.active == before


def test_the_same_installation_deployed_anew_is_started_anew(deployed: Stewarded, load: Load) -> None:
    deployed.deploy("start", "--steps", "")
    kept = "green" if deployed.active == "blue" else "blue"
    before = deployed.pid(kept)
    deployed.deploy("start", "--steps", "")
    assert deployed.active == kept
    assert deployed.pid(kept) != before, "what was kept there is the older one"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("wrong", "wrong words"), ("error", "status 500"), ("slow", "times as long"), ("ends", "it ended 3 times")],
)
def test_a_release_that_fails_is_taken_back_by_itself_and_unnoticed(
    deployed: Stewarded, load: Load, tmp_path: Path, fault: str, reason: str
) -> None:
    before = deployed.active
    done = deployed.deploy("start", str(installation(tmp_path / fault, fault)), check=False)
    assert done.returncode == 2, done.stdout
    assert reason in done.stderr
    state = deployed.state
    assert (state["active"], state["rollout"]["phase"]) == (before, "aborted")


def test_a_release_is_not_judged_by_what_was_kept_in_its_slot(deployed: Stewarded, tmp_path: Path) -> None:
    deployed.deploy("start", "--steps", "")
    done = deployed.deploy("start", str(installation(tmp_path / "ends", "ends")), check=False)
    assert (done.returncode, "it ended 3 times" in done.stderr) == (2, True), done.stdout
    assert "warming" not in done.stdout


def test_whoever_asks_for_what_cannot_be_is_told_so(deployed: Stewarded, tmp_path: Path) -> None:
    for arguments, said in [
        (("start", str(tmp_path)), "cannot be run"),
        (("start", "--set", "MODEL=small"), "CARE_VOICE_"),
        (("start", "--steps", "50,5"), "rise"),
        (("abort",), "No rollout is under way"),
        (("promote",), "No rollout is under way"),
    ]:
        done = deployed.deploy(*arguments, check=False)
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("times", [2])
def test_the_only_service_is_killed_and_its_users_wait_a_moment(deployed: Stewarded, load: Load, times: int) -> None:
    counted = restarts_of(deployed)
    for _ in range(times):
        before, asked = deployed.pid(deployed.active), load.done["request"]
        deployed.kill(before)
        wait_until(lambda before=before: deployed.pid(deployed.active) not in (0, before), "it was started again")
        wait_until(lambda asked=asked: load.done["request"] >= asked + 4, "its users are served")
    assert restarts_of(deployed) == counted + times
    assert f"{counted + times}, last" in deployed.run("deploy", "status").stdout
    port = deployed.ports[f"ENTRANCE__{deployed.active.upper()}_PORT"]
    told = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert f'care_voice_slot_restarts{{slot="{deployed.active}"}} {counted + times:.1f}' in told


def restarts_of(deployed: Stewarded) -> int:
    """How often what is served now ended by itself."""
    state = deployed.state
    return int(state["restarts"].get(state["active"], {"count": 0})["count"])


def test_a_candidate_that_is_killed_costs_nobody_anything(deployed: Stewarded, load: Load) -> None:
    deployed.deploy("start", "--no-follow", "--set", "CARE_VOICE_LOG_LEVEL=warning")
    deployed.wait_phase("canary")
    rollout = deployed.remembered.running
    assert rollout is not None
    deployed.kill(deployed.pid(rollout.candidate))
    deployed.wait_phase("promoted", "aborted")
    assert deployed.state["slots"][deployed.active] is not None


def test_a_steward_that_is_killed_goes_on_where_it_was(deployed: Stewarded, load: Load) -> None:
    before = deployed.active
    deployed.deploy("start", "--no-follow", "--set", "CARE_VOICE_LOG_LEVEL=error")
    deployed.wait_phase("canary")
    services = deployed.pid("blue"), deployed.pid("green")
    deployed.kill(deployed.steward_pid)
    refused = deployed.deploy("abort", check=False)
    assert (refused.returncode, "the steward does not run" in refused.stderr) == (1, True), refused.stderr
    deployed.run("start")
    deployed.wait_phase("promoted")
    assert deployed.active != before
    assert (deployed.pid("blue"), deployed.pid("green")) == services


def test_a_start_waits_for_the_steward_where_the_service_goes_on_without_one(deployed: Stewarded) -> None:
    deployed.kill(deployed.steward_pid)
    deployed.run("start")
    assert DeployFolder(deployed.data_dir).is_stewarded, "the next command finds it"


def test_a_rollout_is_aborted_by_hand(deployed: Stewarded, load: Load) -> None:
    before = deployed.active
    # So many shares that it is still going on when the command has started, however busy the machine is.
    deployed.deploy("start", "--no-follow", "--steps", ",".join(map(str, range(1, 61))))
    deployed.wait_phase("canary")
    deployed.deploy("abort")
    assert (deployed.active, deployed.state["rollout"]["phase"]) == (before, "aborted")


def test_two_slots_that_are_left_alone_are_stopped_too(parrot_store: Path, tmp_path: Path) -> None:
    with stewarded(tmp_path, parrot_store, MODEL="parrot") as left:
        left.kill(left.steward_pid)
        assert left.is_ready()
        stopped = left.run("stop")
        assert "has stopped" in stopped.stdout
        assert not left.is_ready()
        assert "not running" in left.run("stop").stdout
        assert left.state["stopping"], "the doctor misses no steward"
