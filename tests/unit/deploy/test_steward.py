"""What the steward does at each look, beside doubles of the places where slots run and of the entrance."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from care_voice.domain.deploy_errors import EntranceFailed
from care_voice.ops.deploy.judge import Verdict
from care_voice.ops.deploy.releases import Release, SlotName
from care_voice.ops.deploy.rollout import Deployment, Phase, begin, hurry
from care_voice.ops.deploy.settings import DeploySettings
from care_voice.ops.deploy.state_file import DeployFolder, Intent
from care_voice.ops.deploy.steward import Steward

SETTINGS = DeploySettings(drain_s=0, step_s=0, hang_s=10, ready_timeout_s=60)
GOOD = Verdict(passed=True, warm=True, why="fine")


@dataclass
class Machine:
    """Host, entrance, watcher and comparison in one: what runs, what answers, and what was asked of it."""

    slots: dict[SlotName, Release | None] = field(default_factory=lambda: {"blue": None, "green": None})
    standby: dict[SlotName, bool] = field(default_factory=dict)
    ready: dict[SlotName, bool] = field(default_factory=lambda: {"blue": False, "green": False})
    weights: dict[SlotName, int] = field(default_factory=dict)
    silent: dict[SlotName, float] = field(default_factory=dict)
    heard: set[SlotName] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    trouble: Exception | None = None
    found: Verdict = GOOD
    entrance_stopped: bool = False
    at_entrance: Callable[[], None] = lambda: None
    at_check: Callable[[], None] = lambda: None

    def check(self, _release: Release) -> None:
        self.at_check()
        if self.trouble is not None:
            raise self.trouble

    def start(self, slot: SlotName, release: Release, *, standby: bool) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.told.append(f"start {slot}")
        self.slots[slot], self.standby[slot] = release, standby

    def running(self, slot: SlotName) -> Release | None:
        return self.slots[slot]

    def stand_by(self, slot: SlotName) -> None:
        self.standby[slot] = True

    def take_part(self, slot: SlotName) -> None:
        self.standby[slot] = False

    def stop(self, slot: SlotName) -> None:
        self.told.append(f"stop {slot}")

    def kill(self, slot: SlotName) -> None:
        self.told.append(f"kill {slot}")

    def clear(self, slot: SlotName) -> None:
        self.told.append(f"clear {slot}")

    def ends(self, slot: SlotName) -> None:
        self.slots[slot], self.ready[slot] = None, False

    def finish_migrations(self, slot: SlotName) -> None:
        self.told.append(f"migrate {slot}")

    def silent_s(self, slot: SlotName) -> float:
        return self.silent.get(slot, 0.0)

    def was_heard(self, slot: SlotName) -> bool:
        return slot in self.heard

    def forget(self, slot: SlotName) -> None:
        self.ready[slot] = False

    def note(self, stats: Mapping[SlotName, Any]) -> None: ...

    def ask(self, question: object) -> None: ...

    def verdict(self) -> Verdict:
        return self.found


class EntranceDouble:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.running = 1

    def ensure(self) -> bool:
        self._machine.at_entrance()
        return False

    def stats(self) -> dict[SlotName, Any]:
        return {}

    def set_weights(self, weights: Mapping[SlotName, int]) -> None:
        self._machine.weights = dict(weights)

    def stop(self, _timeout_s: float) -> bool:
        self._machine.entrance_stopped = True
        return True


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def folder(tmp_path: Path) -> DeployFolder:
    made = DeployFolder(tmp_path)
    made.make()
    return made


def steward_of(
    machine: Machine, folder: DeployFolder, clock: Callable[[], float] | None = None, logs: tuple[Path, ...] = ()
) -> Steward:
    """`clock` is one that goes on by a second each time that it is looked at, where none is given."""
    parts: Any = machine
    entrance: Any = EntranceDouble(machine)
    clock = clock or partial(next, count(1000.0))
    return Steward(folder, parts, entrance, parts, parts, SETTINGS, model="base", clock=clock, logs=logs)


def asked(folder: DeployFolder, verb: Any, release: Release | None = None, intent_id: str = "intent_1") -> None:
    """As whoever asks writes it."""
    (folder.directory / "intent.json").write_bytes(msgspec.json.encode(Intent(intent_id, verb, release, ())))


def promoted(machine: Machine, folder: DeployFolder) -> Steward:
    """Green has all traffic, and blue is kept."""
    steward = steward_of(machine, folder)
    steward.look()
    machine.ready["blue"] = True
    asked(folder, "start", Release("two"), "rollout_1")
    steward.look()
    machine.ready["green"] = True
    while steward.deployment.rollout is None or steward.deployment.rollout.phase is not Phase.PROMOTED:
        steward.look()
    return steward


def test_a_kept_release_is_never_taken_for_the_one_that_comes_in_its_place(
    machine: Machine, folder: DeployFolder
) -> None:
    steward = promoted(machine, folder)
    asked(folder, "start", Release("three"), "rollout_2")
    for _ in range(3):
        steward.look()
    assert steward.deployment.rollout is not None
    assert steward.deployment.rollout.phase is Phase.STARTING
    assert machine.told[-1] == "stop blue"


def test_what_is_deployed_anew_under_the_same_name_is_started_anew(machine: Machine, folder: DeployFolder) -> None:
    steward = promoted(machine, folder)
    kept = steward.deployment.kept
    assert kept is not None
    asked(folder, "start", Release(kept.target, kept.settings), "rollout_2")
    steward.look()
    assert machine.told[-1] == "stop blue"
    machine.ends("blue")
    steward.look()
    assert machine.told[-1] == "start blue"


def test_a_kept_release_that_kept_ending_is_not_held_against_the_next_one(
    machine: Machine, folder: DeployFolder
) -> None:
    steward = promoted(machine, folder)
    steward._slots["blue"].starts = 9
    machine.ends("blue")
    asked(folder, "start", Release("three"), "rollout_2")
    steward.look()
    assert steward.deployment.rollout is not None
    assert steward.deployment.rollout.phase is Phase.STARTING
    assert machine.slots["blue"] == Release("three", rollout="rollout_2")


def test_a_state_that_cannot_be_written_holds_the_rollout_up_and_nothing_else(
    machine: Machine, folder: DeployFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    steward = steward_of(machine, folder)
    steward.look()
    machine.ready["blue"] = True
    folder.save(begin(steward.deployment, "rollout_1", Release("two"), (), 1000.0))
    steward = steward_of(machine, folder)
    steward.look()
    machine.ready["green"] = True

    def full(deployment: Deployment) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(folder, "save", full)
        machine.ends("blue")
        assert steward.look()
        assert steward.deployment.rollout is not None
        assert steward.deployment.rollout.phase is Phase.STARTING
        assert machine.slots["blue"] == Release()
    steward.look()
    assert folder.load() == steward.deployment
    assert steward.deployment.rollout is not None
    assert steward.deployment.rollout.phase is Phase.WARMING


def test_an_entrance_in_trouble_keeps_no_slot_from_being_started_again(machine: Machine, folder: DeployFolder) -> None:
    def trouble() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    machine.at_entrance = trouble
    assert steward_of(machine, folder).look()
    assert machine.slots["blue"] == Release()


def test_an_entrance_in_trouble_is_not_tried_at_each_look(machine: Machine, folder: DeployFolder) -> None:
    tries = []

    def trouble() -> None:
        tries.append(time.monotonic())
        raise EntranceFailed(why="the port is taken", advice="")

    machine.at_entrance = trouble
    steward = steward_of(machine, folder)
    for _ in range(10):
        assert steward.look()
    assert len(tries) <= 4
    assert "the port is taken" in steward.deployment.trouble
    steward._entrance_from = 0.0
    machine.at_entrance = lambda: None
    steward.look()
    assert steward.deployment.trouble == ""


def test_a_slot_that_cannot_be_started_is_waited_for_between_two_tries(machine: Machine, folder: DeployFolder) -> None:
    steward = steward_of(machine, folder)
    machine.trouble = OSError(errno.ENOSPC, "No space left on device")
    for _ in range(5):
        assert steward.look()
    assert steward._slots["blue"].starts == 1


def test_a_question_that_goes_wrong_is_answered_and_not_asked_again(machine: Machine, folder: DeployFolder) -> None:
    steward = steward_of(machine, folder)
    steward.look()
    machine.trouble = RuntimeError("a mistake of ours")
    asked(folder, "start", Release("two"))
    assert steward.look()
    refusal = steward.deployment.answered["intent_1"]
    assert refusal is not None
    assert folder.take_intent() is None


def test_what_was_given_up_while_it_was_checked_is_not_done_nor_what_is_asked_instead_forgotten(
    machine: Machine, folder: DeployFolder
) -> None:
    steward = steward_of(machine, folder)
    steward.look()
    asked(folder, "start", Release("two"), "rollout_1")
    machine.at_check = lambda: asked(folder, "abort", intent_id="intent_2")
    steward.look()
    assert steward.deployment.rollout is None
    steward.look()
    assert list(steward.deployment.answered) == ["intent_2"]


def test_a_question_that_comes_while_the_one_before_is_answered_is_answered_too(
    machine: Machine, folder: DeployFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    steward = steward_of(machine, folder)
    steward.look()
    asked(folder, "abort", intent_id="intent_1")
    save = folder.save

    def saved(deployment: Deployment) -> None:
        save(deployment)
        asked(folder, "abort", intent_id="intent_2")

    with monkeypatch.context() as patched:
        patched.setattr(folder, "save", saved)
        steward.look()
    steward.look()
    assert list(steward.deployment.answered) == ["intent_1", "intent_2"]


def test_the_last_slot_may_end_at_any_moment_and_the_entrance_ends_too(machine: Machine, folder: DeployFolder) -> None:
    steward = steward_of(machine, folder)
    steward.look()
    asked(folder, "stop")
    assert steward.look()
    running, asks = machine.running, iter(range(100))

    def ends_in_between(slot: SlotName) -> Release | None:
        if next(asks) > 3:
            machine.ends("blue")
        return running(slot)

    machine.running = ends_in_between  # type: ignore[method-assign]
    while steward.look():
        pass
    assert machine.entrance_stopped
    left = folder.load()
    assert left is not None
    assert left.stopped


def test_what_runs_is_written_down_also_after_a_stop_and_before_any_rollout(
    machine: Machine, folder: DeployFolder
) -> None:
    steward_of(machine, folder).look()
    assert folder.load() == Deployment()
    folder.save(Deployment(stopping=True, stopped=True))
    steward_of(machine, folder).look()
    assert folder.load() == Deployment()


def test_jobs_go_with_the_traffic_to_the_kept_release(machine: Machine, folder: DeployFolder) -> None:
    steward = promoted(machine, folder)
    assert machine.standby == {"blue": True, "green": False}
    machine.ends("green")
    steward.look()
    assert machine.weights == {"blue": 100, "green": 0}
    assert machine.standby["blue"] is False
    steward._slots["green"].next_start = 0
    steward.look()
    assert machine.standby == {"blue": False, "green": True}
    machine.ready["green"] = True
    steward.look()
    assert machine.standby == {"blue": True, "green": False}


@pytest.mark.parametrize(("heard", "silent_s", "killed"), [(True, 11, True), (False, 11, False), (False, 61, True)])
def test_a_slot_that_hangs_is_killed_also_where_it_never_answered_this_steward(
    machine: Machine, folder: DeployFolder, heard: bool, silent_s: float, killed: bool
) -> None:
    steward = steward_of(machine, folder)
    steward.look()
    machine.silent["blue"], machine.heard = silent_s, {"blue"} if heard else set()
    steward.look()
    assert ("kill blue" in machine.told) is killed


def test_a_slot_that_hung_after_a_long_time_is_started_again_at_once(machine: Machine, folder: DeployFolder) -> None:
    steward = steward_of(machine, folder)
    mine = steward._slots
    steward.look()
    waits = []
    for _ in range(5):
        machine.ready["blue"] = True
        steward.look()
        assert mine["blue"].ready_since is not None
        mine["blue"].ready_since -= 3600
        steward.look()
        machine.ready["blue"] = False
        steward.look()
        machine.ends("blue")
        mine["blue"].next_start = 0.0
        steward.look()
        waits.append(mine["blue"].next_start - time.monotonic())
    assert max(waits) <= 2.0


@pytest.mark.parametrize("by_s", [7200.0, -7200.0])
def test_a_clock_that_is_set_lets_no_release_go_and_keeps_none_for_longer(
    machine: Machine, folder: DeployFolder, by_s: float
) -> None:
    promoted(machine, folder)
    now = 1100.0
    steward = steward_of(machine, folder, lambda: now)
    steward.look()
    kept_until = steward.deployment.kept_until
    assert kept_until is not None
    now += by_s
    steward.look()
    assert steward.deployment.kept is not None
    assert steward.deployment.kept_until == pytest.approx(kept_until + by_s, abs=5)


def test_a_steward_that_comes_late_judges_by_what_it_sees_itself(machine: Machine, folder: DeployFolder) -> None:
    steward = promoted(machine, folder)
    late = replace(steward.deployment, active="blue", kept_until=None, rollout=None)
    late = hurry(begin(late, "rollout_2", Release("three"), (), 1000.0), 1000.0)
    folder.save(late)
    machine.slots["green"] = late.slots["green"]
    machine.ready = {}
    steward = steward_of(machine, folder, lambda: 9000.0)
    steward.look()
    assert steward.deployment.rollout is not None
    assert steward.deployment.rollout.phase is Phase.PROMOTING


def test_nothing_is_kept_for_longer_because_the_clock_was_wrong_before(machine: Machine, folder: DeployFolder) -> None:
    folder.save(replace(promoted(machine, folder).deployment, kept_until=10.0**9))
    steward = steward_of(machine, folder)
    steward.look()
    assert steward.deployment.kept_until is not None
    assert steward.deployment.kept_until <= 1010 + SETTINGS.keep_s


def test_a_slot_that_does_not_stop_is_killed_and_not_at_each_look(machine: Machine, folder: DeployFolder) -> None:
    steward = promoted(machine, folder)
    asked(folder, "start", Release("three"), "rollout_2")
    steward.look()
    asked_at = steward._slots["blue"].stop_asked
    assert asked_at is not None
    steward._slots["blue"].stop_asked = asked_at - 3600
    for _ in range(3):
        steward.look()
    assert machine.told.count("kill blue") == 1


def served(machine: Machine, folder: DeployFolder) -> Steward:
    """Blue runs and is ready."""
    steward = steward_of(machine, folder)
    steward.look()
    machine.ready["blue"] = True
    steward.look()
    return steward


def test_a_slot_that_ends_by_itself_is_counted(machine: Machine, folder: DeployFolder) -> None:
    steward = served(machine, folder)
    assert steward.deployment.restarts == {}
    for times in (1, 2):
        machine.ends("blue")
        steward._slots["blue"].next_start = 0
        steward.look()
        assert machine.slots["blue"] == Release()
        found = folder.load()
        assert found is not None
        assert found.restarts["blue"].count == times
    next_one = steward_of(machine, folder)
    machine.ready["blue"] = True
    next_one.look()
    machine.ends("blue")
    next_one.look()
    assert next_one.deployment.restarts["blue"].count == 3


def test_a_slot_that_was_told_to_stop_is_not_counted(machine: Machine, folder: DeployFolder) -> None:
    steward = promoted(machine, folder)
    asked(folder, "start", Release("three"), "rollout_2")
    steward.look()
    machine.ends("blue")
    steward.look()
    asked(folder, "stop")
    steward.look()
    for slot in machine.slots:
        machine.ends(slot)
    assert not steward.look()
    assert steward.deployment.restarts == {}


def test_a_slot_that_ends_while_the_disk_is_full_is_started_again_and_counted_later(
    machine: Machine, folder: DeployFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    steward = served(machine, folder)

    def full(deployment: Deployment) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(folder, "save", full)
        machine.ends("blue")
        steward._slots["blue"].next_start = 0
        assert steward.look()
        assert machine.slots["blue"] == Release()
        assert steward.deployment.restarts == {}
    steward.look()
    assert steward.deployment.restarts["blue"].count == 1


def test_logs_that_grow_beside_the_steward_are_kept_small(
    machine: Machine, folder: DeployFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(b"said\n" * 100)
    monkeypatch.setattr("care_voice.ops.logs.LARGEST_LOG_BYTES", 50)
    steward = steward_of(machine, folder, logs=(tmp_path / "none.log", path))
    steward.look()
    assert (path.stat().st_size, path.with_name("server.log.1").stat().st_size) == (0, 50)
