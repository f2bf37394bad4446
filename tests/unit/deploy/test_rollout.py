"""The state machine of a rollout: what it promises whatever is seen, and the ways that it can go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.ops.deploy.judge import Verdict
from care_voice.ops.deploy.releases import SLOTS, Release, SlotName, other
from care_voice.ops.deploy.rollout import Deployment, Phase, Seen, advance, begin, hurry, take_back, wanted
from care_voice.ops.deploy.settings import DeploySettings

SETTINGS = DeploySettings(step_s=10, step_max_s=100, probe_every_s=1, ready_timeout_s=60, drain_s=20, keep_s=300)
NEW = Release("/releases/2", rollout="rollout_1")
BOTH: dict[SlotName, bool] = {"blue": True, "green": True}
GOOD = Verdict(passed=True, warm=True, why="fine")
BAD = Verdict(failed=True, why="wrong words: 5 of 7")
UNPROVED = {Phase.STARTING, Phase.WARMING, Phase.ABORTING, Phase.ABORTED}


@dataclass
class World:
    """A deployment and what is seen of it, as time goes on."""

    deployment: Deployment = field(default_factory=Deployment)
    now: float = 1000.0

    def begin(self, *steps: int) -> World:
        self.deployment = begin(self.deployment, "rollout_1", NEW, steps, self.now)
        return self

    def look(
        self, verdict: Verdict = GOOD, later_s: float = 1.0, sessions: int | None = 0, starts: int = 1, **ready: bool
    ) -> Phase:
        """`sessions` of each slot; None where the entrance does not answer."""
        self.now += later_s
        busy: dict[SlotName, int] = dict.fromkeys(SLOTS, sessions) if sessions is not None else {}
        seen = Seen(self.now, {**BOTH, **ready}, busy, dict.fromkeys(SLOTS, starts), verdict)  # type: ignore[dict-item]
        self.deployment = advance(self.deployment, seen, SETTINGS)
        return self.phase

    @property
    def phase(self) -> Phase:
        assert self.deployment.rollout is not None
        return self.deployment.rollout.phase

    @property
    def weights(self) -> dict[SlotName, int]:
        return dict(wanted(self.deployment, BOTH).weights)


def promoted() -> World:
    world = World().begin()
    assert [world.look(), world.look(), world.look()] == [Phase.WARMING, Phase.PROMOTING, Phase.PROMOTED]
    return world


def test_a_good_release_gets_more_and_more_and_then_all() -> None:
    world = World().begin(5, 50)
    assert (world.phase, world.weights) == (Phase.STARTING, {"blue": 100, "green": 0})
    assert world.look(green=False) is Phase.STARTING
    assert (world.look(), world.weights) == (Phase.WARMING, {"blue": 100, "green": 0})
    assert (world.look(), world.weights) == (Phase.CANARY, {"blue": 95, "green": 5})
    assert (world.look(later_s=9), world.weights) == (Phase.CANARY, {"blue": 95, "green": 5})
    assert (world.look(), world.weights) == (Phase.CANARY, {"blue": 50, "green": 50})
    assert (world.look(later_s=10), world.weights) == (Phase.PROMOTING, {"blue": 0, "green": 100})
    assert wanted(world.deployment, BOTH).takes_jobs == "green"
    assert world.look(sessions=3) is Phase.PROMOTING
    assert world.look() is Phase.PROMOTED
    assert (world.deployment.active, world.deployment.kept) == ("green", Release())


def test_the_old_release_is_let_go_when_it_was_kept_long_enough() -> None:
    world = promoted()
    world.look(later_s=299)
    assert world.deployment.kept == Release()
    world.look()
    assert world.deployment.slots == {"blue": None, "green": NEW}


def test_a_slot_that_goes_on_for_ever_is_not_waited_for() -> None:
    world = World().begin()
    world.look(), world.look()
    assert world.look(sessions=1, later_s=19) is Phase.PROMOTING
    assert world.look(sessions=1) is Phase.PROMOTED


def test_an_entrance_that_does_not_answer_does_not_say_that_nothing_is_under_way() -> None:
    world = World().begin(5)
    world.look(), world.look(), world.look(BAD)
    assert world.look(sessions=None, later_s=19) is Phase.ABORTING
    assert world.look() is Phase.ABORTED


@pytest.mark.parametrize(
    ("looks", "reason"),
    [
        ([{"green": False, "later_s": 60}], "not ready within 60 s"),
        ([{"green": False, "starts": 4}], "it ended 3 times"),
        ([{}, {"verdict": BAD}], "wrong words"),
        ([{}, {"verdict": Verdict(why="no clip"), "later_s": 100}], "not warm in time (no clip)"),
        ([{}, {}, {"verdict": BAD}], "at 5 %: wrong words"),
        ([{}, {}, {"verdict": Verdict(), "later_s": 100}], "at 5 %: no verdict in time"),
        ([{}, {}, {"later_s": 10}, {"verdict": BAD, "sessions": 1}], "at 100 %: wrong words"),
    ],
    ids=["never ready", "ends", "wrong when warmed", "never warm", "wrong in the canary", "too little", "with all"],
)
def test_a_bad_release_is_taken_back_from_wherever_it_is(looks: list[dict[str, object]], reason: str) -> None:
    world = World().begin(5)
    for look in looks:
        world.look(**look)  # type: ignore[arg-type]
    assert (world.phase, world.weights) == (Phase.ABORTING, {"blue": 100, "green": 0})
    assert world.look() is Phase.ABORTED
    assert (world.deployment.active, world.deployment.slots) == ("blue", {"blue": Release(), "green": None})
    assert world.deployment.rollout is not None
    assert reason in world.deployment.rollout.reason


def test_a_release_that_fails_after_its_promotion_is_rolled_back_to_the_kept_one() -> None:
    world = promoted()
    assert (world.look(BAD), world.weights) == (Phase.ROLLING_BACK, {"blue": 100, "green": 0})
    assert wanted(world.deployment, BOTH).takes_jobs == "blue"
    assert world.look() is Phase.ROLLED_BACK
    assert (world.deployment.active, world.deployment.slots) == ("blue", {"blue": Release(), "green": None})


def test_a_release_that_keeps_ending_is_rolled_back_while_the_old_one_is_kept() -> None:
    world = promoted()
    assert world.look(starts=3, green=False) is Phase.PROMOTED
    assert world.look(starts=4, green=False) is Phase.ROLLING_BACK
    assert world.look() is Phase.ROLLED_BACK


def test_a_way_back_waits_until_it_leads_somewhere() -> None:
    world = promoted()
    assert world.look(BAD, blue=False) is Phase.ROLLING_BACK
    assert world.look(blue=False, later_s=50) is Phase.ROLLING_BACK
    assert world.look() is Phase.ROLLED_BACK


def test_a_way_back_that_leads_nowhere_is_given_up() -> None:
    world = promoted()
    world.look(BAD, blue=False)
    assert world.look(blue=False, later_s=60) is Phase.PROMOTED
    assert (world.deployment.active, world.deployment.slots) == ("green", {"blue": None, "green": NEW})


def test_a_release_that_ended_while_the_old_one_drained_is_not_promoted() -> None:
    world = World().begin()
    world.look(), world.look()
    assert world.look(green=False, later_s=30) is Phase.PROMOTING
    assert world.look(green=False, later_s=30) is Phase.ABORTING


def test_a_release_that_answers_is_not_taken_back_for_the_sake_of_one_that_does_not() -> None:
    world = World().begin(5)
    world.look(), world.look()
    assert world.look(Verdict(warm=True), blue=False, later_s=100) is Phase.PROMOTING
    assert world.look(blue=False) is Phase.PROMOTED


def test_jobs_are_not_left_lying_where_the_active_release_is_down_and_another_one_is_kept() -> None:
    world = promoted()
    assert wanted(world.deployment, {"blue": True, "green": False}).takes_jobs == "blue"
    world.look(BAD)
    assert wanted(world.deployment, {"blue": False, "green": True}).takes_jobs == "blue"


def test_an_unproved_release_gets_no_jobs_even_if_the_other_one_is_down() -> None:
    world = World().begin(5)
    world.look(), world.look()
    want = wanted(world.deployment, {"blue": False, "green": True})
    assert (want.weights, want.takes_jobs) == ({"blue": 0, "green": 100}, "blue")


def test_a_release_that_nothing_is_kept_beside_stays_whatever_is_said() -> None:
    world = promoted()
    world.look(later_s=301)
    assert world.look(BAD) is Phase.PROMOTED


def test_by_hand_all_traffic_at_once() -> None:
    world = World().begin(5, 50)
    world.look(), world.look()
    world.deployment = hurry(world.deployment, world.now)
    assert (world.phase, world.weights) == (Phase.PROMOTING, {"blue": 0, "green": 100})


def test_a_second_rollout_takes_the_other_slot_and_remembers_the_first() -> None:
    world = promoted().begin()
    assert world.deployment.rollout is not None
    assert (world.deployment.rollout.candidate, world.weights) == ("blue", {"blue": 0, "green": 100})
    assert [each.id for each in world.deployment.past] == ["rollout_1"]


def test_whoever_cannot_answer_gives_its_share_to_the_other_one() -> None:
    world = promoted()
    assert wanted(world.deployment, {"blue": True, "green": False}).weights == {"green": 0, "blue": 100}
    assert wanted(world.deployment, {"blue": False, "green": False}).weights == {"green": 100, "blue": 0}


def test_a_release_that_is_not_proved_gets_nothing_even_if_the_other_one_is_down() -> None:
    world = World().begin(5)
    world.look()
    assert wanted(world.deployment, {"blue": False, "green": True}).weights == {"blue": 100, "green": 0}


verdicts = st.sampled_from([GOOD, BAD, Verdict(), Verdict(warm=True), Verdict(passed=True)])
looks = st.tuples(
    st.sampled_from(["look", "look", "look", "begin", "hurry", "back"]),
    verdicts, st.floats(0, 400), st.integers(0, 2), st.integers(0, 5), st.booleans(), st.booleans(),
)  # fmt: skip


def histories(
    events: list[tuple[str, Verdict, float, int, int, bool, bool]],
) -> Iterator[tuple[Deployment, Deployment]]:
    """Each deployment and the next, through whatever happens; each is written and read in between."""
    world = World()
    for act, verdict, later_s, sessions, starts, blue, green in events:
        before, running = world.deployment, world.deployment.running
        if act == "begin" and running is None:
            world.begin(5, 50)
        elif act == "hurry" and running is not None and running.phase in (Phase.WARMING, Phase.CANARY):
            world.deployment = hurry(before, world.now)
        elif act == "back" and running is not None and running.phase not in (Phase.ABORTING, Phase.ROLLING_BACK):
            world.deployment = take_back(before, "by hand", world.now)
        elif world.deployment.rollout is not None:
            world.look(verdict, later_s, sessions, starts, blue=blue, green=green)
        world.deployment = msgspec.json.decode(msgspec.json.encode(world.deployment), type=Deployment)
        yield before, world.deployment


@given(st.lists(looks, max_size=40), st.booleans(), st.booleans())
def test_there_is_always_one_release_that_has_the_traffic(
    events: list[tuple[str, Verdict, float, int, int, bool, bool]], blue: bool, green: bool
) -> None:
    for _, deployment in histories(events):
        want = wanted(deployment, {"blue": blue, "green": green})
        assert sum(want.weights.values()) == 100
        assert deployment.slots[deployment.active] is not None
        assert all(deployment.slots[slot] is not None for slot, weight in want.weights.items() if weight)
        assert deployment.slots[want.takes_jobs] is not None
        rollout = deployment.rollout
        if rollout is not None and rollout.phase in UNPROVED and deployment.active != rollout.candidate:
            assert want.weights[rollout.candidate] == 0


@given(st.lists(looks, max_size=40))
def test_the_active_release_changes_only_at_the_end_of_a_promotion_or_of_a_way_back(
    events: list[tuple[str, Verdict, float, int, int, bool, bool]],
) -> None:
    for before, after in histories(events):
        if before.active != after.active:
            assert before.rollout is not None
            assert before.rollout.phase in (Phase.PROMOTING, Phase.ROLLING_BACK)
            assert before.slots[after.active] is not None


@given(st.lists(looks, max_size=30))
def test_every_rollout_comes_to_an_end_when_nothing_more_is_measured(
    events: list[tuple[str, Verdict, float, int, int, bool, bool]],
) -> None:
    world = World()
    for _, deployment in histories(events):
        world.deployment = deployment
        if deployment.rollout is not None:
            world.now = max(world.now, deployment.rollout.since)
    for _ in range(12):
        if world.deployment.running is not None:
            world.look(Verdict(), later_s=200, sessions=1)
    assert world.deployment.running is None
    assert other(world.deployment.active) in SLOTS
