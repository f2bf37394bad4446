"""The state machine of a rollout. Pure: it is told what is seen and says what should be.

`Deployment` is all that is remembered. `advance` takes what the steward sees and gives the next deployment; `wanted`
says what should run and who gets which traffic. Neither keeps anything elsewhere, so a steward that is killed at any
moment goes on from the last deployment that it wrote, and does no harm by doing the same thing twice.

    STARTING ─▶ WARMING ─▶ CANARY (step by step) ─▶ PROMOTING ─▶ PROMOTED
        │          │          │                         │            │ taken back by itself or by hand
        └──────────┴──────────┴────▶ ABORTING ◀─────────┘            ▼
                                        │                       ROLLING_BACK
                                        ▼                            ▼
                                     ABORTED                    ROLLED_BACK
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from care_voice.ops.deploy.judge import Verdict
from care_voice.ops.deploy.releases import SLOTS, Release, SlotName, other
from care_voice.ops.deploy.settings import DeploySettings

FORMAT = "care-voice-deployment/1"
ALL = 100
_REMEMBERED = 20
_MOST_STARTS = 3
_SETTLED_S = 1.0


class Phase(StrEnum):
    """How far a rollout is."""

    STARTING = "starting"
    WARMING = "warming"
    CANARY = "canary"
    PROMOTING = "promoting"
    PROMOTED = "promoted"
    ABORTING = "aborting"
    ABORTED = "aborted"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"


ENDED = frozenset({Phase.PROMOTED, Phase.ABORTED, Phase.ROLLED_BACK})
_UNPROVED = frozenset({Phase.STARTING, Phase.WARMING, Phase.ABORTING, Phase.ABORTED})
_JOBS_MAY_MOVE = frozenset({Phase.PROMOTING, Phase.PROMOTED})


class Line(msgspec.Struct, frozen=True):
    """What happened, and when (Unix seconds)."""

    at: float
    phase: Phase
    text: str


class Rollout(msgspec.Struct, frozen=True):
    """One move to another release. Times are Unix seconds; `step` counts the shares of the canary from 0."""

    id: str
    release: Release
    candidate: SlotName
    steps: tuple[int, ...]
    began: float
    since: float
    phase: Phase = Phase.STARTING
    step: int = 0
    reason: str = ""
    """Why it was taken back; empty where it was not."""

    lines: tuple[Line, ...] = ()

    @property
    def share(self) -> int:
        """Percent of the traffic that the candidate should get now."""
        if self.phase is Phase.CANARY:
            return self.steps[self.step]
        return ALL if self.phase in (Phase.PROMOTING, Phase.PROMOTED) else 0

    @property
    def ended(self) -> bool:
        return self.phase in ENDED


class Refusal(msgspec.Struct, frozen=True):
    """Why the steward does not do what it was asked for."""

    code: str
    message: str
    hint: str


class Restarts(msgspec.Struct, frozen=True):
    """How often what was deployed in a slot ended by itself and was started again, and when it last ended (Unix
    seconds)."""

    count: int
    last: float


class Deployment(msgspec.Struct, frozen=True):
    """Everything that is remembered. `slots` holds what should run in each; None for nothing."""

    active: SlotName = "blue"
    slots: dict[SlotName, Release | None] = msgspec.field(default_factory=lambda: {"blue": Release(), "green": None})
    kept_until: float | None = None
    """When the release beside the active one is stopped, where it is kept for a way back."""

    rollout: Rollout | None = None
    past: tuple[Rollout, ...] = ()
    stopping: bool = False
    """A stop was asked for. The next steward starts everything again."""

    stopped: bool = False
    """The stop came to its end: nothing runs any more, until the next steward."""

    answered: dict[str, Refusal | None] = {}
    """Intents that were taken up, by id, and why they were refused; the last ones."""

    restarts: dict[SlotName, Restarts] = {}
    """Of what is or was last in each slot; it begins anew with the next release."""

    trouble: str = ""
    """Why the entrance does not run as it should; empty where it does."""

    format: str = FORMAT

    @property
    def running(self) -> Rollout | None:
        """The rollout that has not ended."""
        return self.rollout if self.rollout is not None and not self.rollout.ended else None

    @property
    def kept(self) -> Release | None:
        """What is kept beside the active release for a way back."""
        return None if self.running else self.slots[other(self.active)]


@dataclass(frozen=True, slots=True)
class Seen:
    """What the steward sees at one moment: times in Unix seconds, connections by slot."""

    now: float
    ready: Mapping[SlotName, bool]
    sessions: Mapping[SlotName, int] = field(default_factory=dict)
    """What is under way; nothing where the entrance does not say it."""

    starts: Mapping[SlotName, int] = field(default_factory=dict)
    """How often what runs in a slot now had to be started."""

    verdict: Verdict = field(default_factory=Verdict)
    """Of the comparison since the phase or share began."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Who should get which share of the traffic, and who takes jobs."""

    weights: Mapping[SlotName, int]
    takes_jobs: SlotName


def advance(deployment: Deployment, seen: Seen, settings: DeploySettings) -> Deployment:
    """The deployment a moment later."""
    rollout = deployment.rollout
    if rollout is None or deployment.stopping:
        return deployment
    return _MOVES[rollout.phase](_Move(deployment, rollout, seen, settings))


def wanted(deployment: Deployment, ready: Mapping[SlotName, bool]) -> Wanted:
    """What should be now. The slot beside the active one takes over while that one is not ready, if it can; jobs too,
    but for a release that was not proved yet or is being taken back."""
    active, rollout = deployment.active, deployment.rollout
    beside = other(active)
    shares = {active: ALL, beside: 0}
    jobs = active
    if rollout is not None and rollout.phase in (Phase.CANARY, Phase.PROMOTING):
        shares = {rollout.candidate: rollout.share, other(rollout.candidate): ALL - rollout.share}
        jobs = rollout.candidate if rollout.phase is Phase.PROMOTING else active
    elif rollout is not None and rollout.phase is Phase.ROLLING_BACK:
        shares, jobs = {active: 0, beside: ALL}, beside
    weights = _without_dead(shares, deployment, ready)
    if weights[jobs] == 0 and (rollout is None or rollout.phase in _JOBS_MAY_MOVE):
        jobs = other(jobs)
    return Wanted(weights, jobs)


def begin(deployment: Deployment, rollout_id: str, release: Release, steps: tuple[int, ...], now: float) -> Deployment:
    """Start a rollout in the slot beside the active one; what was kept there goes."""
    candidate, release = other(deployment.active), replace(release, rollout=rollout_id)
    rollout = Rollout(rollout_id, release, candidate, steps, began=now, since=now)
    rollout = _said(rollout, now, f"{release.name} starts in {candidate}")
    past = (*deployment.past, deployment.rollout) if deployment.rollout else deployment.past
    return replace(
        deployment,
        slots=deployment.slots | {candidate: release},
        kept_until=None,
        rollout=rollout,
        past=past[-_REMEMBERED:],
        restarts={slot: its for slot, its in deployment.restarts.items() if slot != candidate},
    )


def restarted(deployment: Deployment, slot: SlotName, ended: float) -> Deployment:
    """What runs in a slot ended by itself, at a time in Unix seconds."""
    before = deployment.restarts.get(slot)
    counted = Restarts(before.count + 1 if before else 1, ended)
    return replace(deployment, restarts=deployment.restarts | {slot: counted})


def hurry(deployment: Deployment, now: float) -> Deployment:
    """Give the candidate all traffic now, whatever shares were left; by hand. It must be ready."""
    assert deployment.running is not None
    return _to(deployment, deployment.running, Phase.PROMOTING, now, "promoted by hand")


def take_back(deployment: Deployment, reason: str, now: float) -> Deployment:
    """End the rollout and go back to what was before it; from all traffic too, where the old release is kept."""
    rollout = deployment.rollout
    assert rollout is not None
    phase = Phase.ROLLING_BACK if rollout.phase is Phase.PROMOTED else Phase.ABORTING
    return _to(deployment, replace(rollout, reason=reason), phase, now, reason)


def resumed(deployment: Deployment, now: float, settings: DeploySettings) -> Deployment:
    """As a new steward takes it up: what it has not seen itself proves nothing, so the phase that is under way begins
    anew. However the clock was set meanwhile, nothing is kept for longer than it should be."""
    kept_until = deployment.kept_until and min(deployment.kept_until, now + settings.keep_s)
    rollout = replace(deployment.running, since=now) if deployment.running is not None else deployment.rollout
    return replace(deployment, kept_until=kept_until, rollout=rollout, stopping=False, stopped=False)


def put_off(deployment: Deployment, by_s: float) -> Deployment:
    """With all that is waited for later by so much, or earlier: the clock was set, and no time has passed."""
    kept_until, running = deployment.kept_until, deployment.running
    rollout = replace(running, since=running.since + by_s) if running is not None else deployment.rollout
    return replace(deployment, kept_until=kept_until and kept_until + by_s, rollout=rollout)


@dataclass(frozen=True, slots=True)
class _Move:
    """One look at a rollout: a method for each phase gives the next deployment."""

    deployment: Deployment
    rollout: Rollout
    seen: Seen
    settings: DeploySettings

    def starting(self) -> Deployment:
        if self._is_ready(self.rollout.candidate):
            return self._to(Phase.WARMING, "ready")
        if self._keeps_ending:
            return self._back(f"it ended {_MOST_STARTS} times while it started; its log says why")
        if self._held_s >= self.settings.ready_timeout_s:
            return self._back(f"not ready within {self.settings.ready_timeout_s:.0f} s")
        return self.deployment

    def warming(self) -> Deployment:
        verdict = self.seen.verdict
        if verdict.failed:
            return self._back(verdict.why)
        if verdict.warm and self.rollout.steps:
            return self._to(Phase.CANARY, f"warm ({verdict.why}); gets {self.rollout.steps[0]} %")
        if verdict.warm:
            return self._to(Phase.PROMOTING, f"warm ({verdict.why})")
        if self._held_s >= self.settings.step_max_s:
            return self._back(f"not warm in time ({verdict.why})")
        return self.deployment

    def canary(self) -> Deployment:
        verdict, share = self.seen.verdict, self.rollout.share
        if verdict.failed:
            return self._back(f"at {share} %: {verdict.why}")
        if verdict.passed and self._held_s >= self.settings.step_s:
            return self._next_step(f"{share} % went well ({verdict.why})")
        late, old = self._held_s >= self.settings.step_max_s, other(self.rollout.candidate)
        if late and verdict.warm and not self._is_ready(old):
            # It may be what mends an outage: to take it back would leave nobody who answers.
            return self._to(Phase.PROMOTING, f"the old release does not answer ({verdict.why})")
        if late:
            return self._back(f"at {share} %: no verdict in time ({verdict.why})")
        return self.deployment

    def promoting(self) -> Deployment:
        """The candidate has all traffic; the old one finishes what it has, and is kept."""
        candidate, old = self.rollout.candidate, other(self.rollout.candidate)
        if self.seen.verdict.failed:
            return self._back(f"at {ALL} %: {self.seen.verdict.why}")
        if not self._is_ready(candidate):
            late = self._held_s >= self.settings.ready_timeout_s
            return self._back(f"at {ALL} %: not ready any more") if late else self.deployment
        if not self._drained(old):
            return self.deployment
        kept_until = self.seen.now + self.settings.keep_s
        promoted = replace(self.deployment, active=candidate, kept_until=kept_until)
        return _to(promoted, self.rollout, Phase.PROMOTED, self.seen.now, f"{old} is kept for a way back")

    def promoted(self) -> Deployment:
        """While the old release is kept, the new one is still watched."""
        deployment = self.deployment
        if deployment.kept is None or deployment.kept_until is None:
            return deployment
        if self.seen.verdict.failed:
            return self._back(f"after the promotion: {self.seen.verdict.why}")
        if self._keeps_ending:
            # Each time the kept one takes over, so that hardly a request fails; once it is gone nobody does.
            return self._back(f"after the promotion: it ended {_MOST_STARTS} times; its log says why")
        if self.seen.now >= deployment.kept_until:
            return _let_go(deployment, other(deployment.active))
        return deployment

    def aborting(self) -> Deployment:
        candidate = self.rollout.candidate
        if not self._drained(candidate):
            return self.deployment
        left, text = _let_go(self.deployment, candidate), f"{other(candidate)} has all traffic"
        return _to(left, self.rollout, Phase.ABORTED, self.seen.now, text)

    def rolling_back(self) -> Deployment:
        """The way back leads to a release that answers; where the old one does not, the one that does goes on."""
        candidate = self.rollout.candidate
        old = other(candidate)
        is_late = self._held_s >= self.settings.ready_timeout_s
        if not self._is_ready(old) and not is_late:
            return self.deployment
        if not self._is_ready(old) and self._is_ready(candidate):
            left, text = _let_go(self.deployment, old), f"{old} is not ready: {candidate} goes on"
            return _to(left, self.rollout, Phase.PROMOTED, self.seen.now, text)
        if not self._drained(candidate):
            return self.deployment
        back = replace(_let_go(self.deployment, candidate), active=other(candidate))
        return _to(back, self.rollout, Phase.ROLLED_BACK, self.seen.now, f"{back.active} has all traffic again")

    def stay(self) -> Deployment:
        return self.deployment

    def _is_ready(self, slot: SlotName) -> bool:
        return bool(self.seen.ready.get(slot))

    @property
    def _keeps_ending(self) -> bool:
        return self.seen.starts.get(self.rollout.candidate, 0) > _MOST_STARTS

    @property
    def _held_s(self) -> float:
        return self.seen.now - self.rollout.since

    def _drained(self, slot: SlotName) -> bool:
        """Nothing is under way in a slot that has had no traffic for a moment, or it has had time enough. Where the
        entrance does not say what is under way it may be anything."""
        idle = self.seen.sessions.get(slot) == 0 and self._held_s >= _SETTLED_S
        return idle or self._held_s >= self.settings.drain_s

    def _next_step(self, text: str) -> Deployment:
        if self.rollout.step + 1 == len(self.rollout.steps):
            return self._to(Phase.PROMOTING, text)
        following = replace(self.rollout, step=self.rollout.step + 1)
        return _to(self.deployment, following, Phase.CANARY, self.seen.now, f"{text}; gets {following.share} %")

    def _to(self, phase: Phase, text: str) -> Deployment:
        return _to(self.deployment, self.rollout, phase, self.seen.now, text)

    def _back(self, reason: str) -> Deployment:
        return take_back(self.deployment, reason, self.seen.now)


_MOVES = {
    Phase.STARTING: _Move.starting,
    Phase.WARMING: _Move.warming,
    Phase.CANARY: _Move.canary,
    Phase.PROMOTING: _Move.promoting,
    Phase.PROMOTED: _Move.promoted,
    Phase.ABORTING: _Move.aborting,
    Phase.ABORTED: _Move.stay,
    Phase.ROLLING_BACK: _Move.rolling_back,
    Phase.ROLLED_BACK: _Move.stay,
}


def _let_go(deployment: Deployment, slot: SlotName) -> Deployment:
    return replace(deployment, slots=deployment.slots | {slot: None}, kept_until=None)


def _to(deployment: Deployment, rollout: Rollout, phase: Phase, now: float, text: str) -> Deployment:
    return replace(deployment, rollout=_said(replace(rollout, phase=phase, since=now), now, text))


def _said(rollout: Rollout, now: float, text: str) -> Rollout:
    return replace(rollout, lines=(*rollout.lines, Line(now, rollout.phase, text)))


def _without_dead(
    shares: dict[SlotName, int], deployment: Deployment, ready: Mapping[SlotName, bool]
) -> dict[SlotName, int]:
    """Whoever cannot answer gives its share to the other one, if that can and is no release that was not proved yet or
    was refused."""
    rollout = deployment.rollout
    unproved = rollout.candidate if rollout is not None and rollout.phase in _UNPROVED else None
    for slot in SLOTS:
        beside = other(slot)
        can_help = bool(ready.get(beside)) and deployment.slots[beside] is not None and beside != unproved
        if shares[slot] > 0 and not ready.get(slot) and can_help:
            return {slot: 0, beside: ALL}
    return shares
