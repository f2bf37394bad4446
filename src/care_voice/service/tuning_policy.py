"""Which runtime, how many workers, how many threads: the choice between plans that were measured. Pure.

The shortest wait for one window wins. Among plans that come within `NEAR` of it, the one that does the most windows a
second does: nobody notices 15 % of a second, and every caller behind a busy worker notices a queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Runtime = Literal["ctranslate2", "onnxruntime"]
Outcome = Literal["measured", "wrong_words", "failed", "skipped"]
"""wrong_words: it did not hear the words of the known clip. failed: it could not be run, which may pass. skipped: those
before it showed that it cannot win, or the time was up."""

NEAR = 1.15
"""A plan may win by throughput while one window takes at most so many times the shortest time."""

_MOST_WORKERS = 8
_HOPELESS = 1.5
"""Halving the threads of a runtime that takes so much longer than another one does not make it the faster one."""


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """How a model is run: workers with a copy of it each, and threads of each worker."""

    runtime: Runtime
    workers: int
    threads: int

    def __str__(self) -> str:
        name = "ONNX Runtime" if self.runtime == "onnxruntime" else "CTranslate2"
        return f"{name}, {_count(self.workers, 'worker')} with {_count(self.threads, 'thread')}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """What a plan did: seconds for one window alone, windows a second with as many outstanding as it takes (None where
    that was not measured), peak memory of its workers, and the device."""

    plan: EnginePlan
    outcome: Outcome = "measured"
    why: str = ""
    latency_s: float = 0.0
    windows_per_s: float | None = None
    memory_bytes: int = 0
    device: str = "cpu"

    @property
    def rate(self) -> float:
        """Windows a second; where only one alone was timed, what its workers would do beside each other at best."""
        return self.windows_per_s or self.plan.workers / self.latency_s


def plans_for(room: Mapping[Runtime, int], cores: int, *, workers: int = 0, threads: int = 0) -> list[EnginePlan]:
    """The plans worth comparing, each of which fills the cores: one worker, then twice as many with half the threads,
    and so on. `room` says how many workers of a runtime find room in memory, the first of which is always tried.
    Numbers that are not 0 are kept.
    """
    counts = [workers] if workers else _doubling(cores // threads if threads else cores)
    return [
        EnginePlan(runtime, count, threads or max(1, cores // count))
        for count in counts
        for runtime, most in room.items()
        if count == 1 or workers or count <= most
    ]


def choose(measured: Sequence[Measurement]) -> Measurement | None:
    """The plan to run; None where none was measured and heard the words."""
    sound = [each for each in measured if each.outcome == "measured"]
    shortest = shortest_wait(measured)
    near = [each for each in sound if shortest is not None and each.latency_s <= shortest * NEAR]
    return max(near, key=lambda each: (each.rate, -each.latency_s), default=None)


def shortest_wait(measured: Sequence[Measurement]) -> float | None:
    """Seconds that one window takes with the plan that is best at it; None where nothing was measured."""
    return min((each.latency_s for each in measured if each.outcome == "measured"), default=None)


def rate_matters(latency_s: float, measured: Sequence[Measurement]) -> bool:
    """Whether a plan with this latency could still be chosen, so that its throughput is worth measuring."""
    shortest = shortest_wait(measured)
    return shortest is None or latency_s <= shortest * NEAR


def why_hopeless(plan: EnginePlan, measured: Sequence[Measurement]) -> str:
    """Why a plan need not be measured after these: its runtime with more threads failed, or was much too slow. Empty
    where it should be."""
    wider = next((each for each in reversed(measured) if each.plan.runtime == plan.runtime), None)
    shortest = shortest_wait(measured)
    if wider is None or shortest is None:
        return ""
    if wider.outcome != "measured":
        return "it did not work with fewer workers"
    return "it was too slow with more threads" if wider.latency_s > shortest * _HOPELESS else ""


def narrowed(plan: EnginePlan, most_workers: int, cores: int) -> EnginePlan:
    """The plan with no more workers than find room; those that remain share the cores."""
    if plan.workers <= most_workers:
        return plan
    count = max(1, most_workers)
    return EnginePlan(plan.runtime, count, max(plan.threads, cores // count))


def _doubling(limit: int) -> list[int]:
    counts = (2**n for n in range(_MOST_WORKERS.bit_length()))
    return [count for count in counts if count == 1 or count <= min(limit, _MOST_WORKERS)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
