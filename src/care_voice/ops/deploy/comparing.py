"""Gathers the evidence of a rollout in the background: known clips and traffic of both slots, side by side."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from care_voice.ops.deploy.judge import Evidence, Probe, Traffic, Verdict, judge, judge_alone
from care_voice.ops.deploy.releases import SLOTS, SlotName, other
from care_voice.ops.deploy.settings import DeploySettings
from care_voice.ops.deploy.traffic import traffic_of
from care_voice.ops.deploy.watching import SlotClient
from care_voice.ops.entrance.stats import ServerStats

_WATCHED_LESS = 6

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """Does the release in the slot `new` do well, beside the old one, or `alone` once it has all traffic?

    `moment` is another one for each share of a rollout: evidence is gathered anew. `models` are what is served by the
    slots that get known clips.
    """

    moment: tuple[str, ...]
    new: SlotName
    models: Mapping[SlotName, str]
    alone: bool = False


@dataclass(slots=True)
class _Gathered:
    question: Question
    probes: dict[SlotName, list[Probe]] = field(default_factory=lambda: {slot: [] for slot in SLOTS})
    traffic: dict[SlotName, Traffic] = field(default_factory=lambda: {slot: Traffic() for slot in SLOTS})
    last: dict[SlotName, Traffic] = field(default_factory=dict)

    def note(self, slot: SlotName, counted: Traffic) -> None:
        """Add what has come since the last look. Over the whole time it could not be told: an entrance that was
        reloaded begins at 0, and soon has counted more again than at first."""
        since = counted.since(self.last.get(slot, counted))
        self.traffic[slot], self.last[slot] = self.traffic[slot].plus(since), counted

    def evidence(self, slot: SlotName) -> Evidence:
        return Evidence(tuple(self.probes[slot]), self.traffic[slot])


class Comparison:
    """Sends known clips to both slots by turns while there is a question. One thread; the rest may ask at any time."""

    def __init__(self, clients: Mapping[SlotName, SlotClient], settings: DeploySettings) -> None:
        self._clients = clients
        self._stats: Mapping[SlotName, ServerStats] = {}
        self._settings = settings
        self._lock = threading.Lock()
        self._gathered: _Gathered | None = None
        self._wake = threading.Event()
        self._ends = False

    def start(self) -> None:
        """Compare from now on, in the background."""
        threading.Thread(target=self._run, name="comparison", daemon=True).start()

    def stop(self) -> None:
        """Compare no more."""
        self._ends = True
        self._wake.set()

    def note(self, stats: Mapping[SlotName, ServerStats]) -> None:
        """What the entrance has counted so far; nothing while it does not answer, which is no evidence."""
        self._stats = stats

    def ask(self, question: Question | None) -> None:
        """Gather evidence for a question; for the one that is asked already, go on. None for nothing to compare."""
        with self._lock:
            now = self._gathered.question if self._gathered else None
            if question == now:
                return
            self._gathered = _Gathered(question) if question is not None else None
        self._wake.set()

    def verdict(self) -> Verdict:
        """What the evidence says so far."""
        with self._lock:
            gathered = self._gathered
            if gathered is None:
                return Verdict()
            new = gathered.evidence(gathered.question.new)
            if gathered.question.alone:
                return judge_alone(new, self._settings)
            return judge(new, gathered.evidence(other(gathered.question.new)), self._settings)

    def _run(self) -> None:
        while not self._ends:
            self._wake.clear()
            with self._lock:
                gathered = self._gathered
            if gathered is not None:
                try:
                    self._gather(gathered)
                except Exception:  # whatever it was, there is no evidence then, and so no promotion
                    log.exception("comparison_stumbled")
            self._wake.wait(self._rest_s(gathered))

    def _rest_s(self, gathered: _Gathered | None) -> float | None:
        """None for until there is a question. A release that has all traffic is looked at for long, and less often."""
        if gathered is None:
            return None
        return self._settings.probe_every_s * (_WATCHED_LESS if gathered.question.alone else 1)

    def _gather(self, gathered: _Gathered) -> None:
        for slot in SLOTS:
            traffic = self._traffic(slot)
            if traffic is not None:
                with self._lock:
                    gathered.note(slot, traffic)
        # By turns, so that neither is measured beside the other's clip.
        for slot, model in gathered.question.models.items():
            probe = self._clients[slot].probe(model, self._settings.probe_timeout_s)
            with self._lock:
                gathered.probes[slot].append(probe)

    def _traffic(self, slot: SlotName) -> Traffic | None:
        answer, stats = self._clients[slot].get("/metrics"), self._stats.get(slot)
        if answer is None or answer.status != 200 or stats is None:
            return None
        try:
            return traffic_of(stats, answer.body.decode())
        except ValueError:
            return None
