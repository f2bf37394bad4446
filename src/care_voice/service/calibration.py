"""Measures plans as the service would run them: its own workers, its own scheduler, a clip whose words are known."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import msgspec
import structlog

from care_voice.domain.errors import CareVoiceError
from care_voice.engine.protocol import DecodeWindow, WindowDecoded
from care_voice.scheduler.scheduler import Errand, Scheduler
from care_voice.scheduler.work import Priority
from care_voice.service.engine_choice import Limits, Load, Loadable, Tell
from care_voice.service.selftest import known_window, wrong_words
from care_voice.service.tuning_policy import EnginePlan, Measurement, rate_matters, why_hopeless
from care_voice.supervisor.engine_pool import EnginePool
from care_voice.supervisor.media_pool import MediaPool
from care_voice.supervisor.slot import describe_first_ready
from care_voice.telemetry.memory import peak_resident_bytes

log = structlog.get_logger(__name__)

Bench = Callable[[EnginePlan, Load], tuple[EnginePool, Scheduler]]
"""Workers that are not started yet, and a queue of their own."""

_BEAM_SIZE = 5
_RUNS = 4
_RUNS_S = 1.2
_SLOW_S = 4.0
"""A model that takes so long for one window is timed once."""
_LEAST_WINDOWS = 4


class Calibrator:
    """Measures one plan after the other. Nothing is computed in this process."""

    def __init__(self, bench: Bench, media: MediaPool) -> None:
        """`media` reads the clip and must be open."""
        self._bench = bench
        self._media = media

    async def measure(self, plans: Sequence[EnginePlan], load: Load, limits: Limits, tell: Tell) -> list[Measurement]:
        """Measure the plans in their order; one that fails says so in its measurement.

        A worker that computes on CUDA ends it: there is nothing to compare then.

        Raises:
            CareVoiceError: The clip could not be read.
        """
        window = msgspec.structs.replace(await known_window(self._media), beam_size=_BEAM_SIZE)
        left_s, measured = limits.total_s, list[Measurement]()
        for number, plan in enumerate(plans, 1):
            why = "" if limits.exhaustive else why_hopeless(plan, measured)
            if why:
                measured.append(Measurement(plan, "skipped", why))
                continue
            # Making a model that is not there may take longer than measuring it, and need not be done again.
            problem = await _problem_of(load(plan))
            tell(f"measuring the engines, {number} of {len(plans)}: {plan}")
            began = time.monotonic()
            clip = _Clip(window, [] if limits.exhaustive else measured)
            found = (
                await self._measured(plan, load, clip, left_s) if not problem else Measurement(plan, "failed", problem)
            )
            left_s -= time.monotonic() - began
            measured.append(found)
            _log(found)
            if found.device == "cuda":
                break
        return measured

    async def _measured(self, plan: EnginePlan, load: Load, clip: _Clip, left_s: float) -> Measurement:
        pool, scheduler = self._bench(plan, load)
        pool.open()
        try:
            async with asyncio.timeout(None if math.isinf(left_s) else max(0.0, left_s)):
                for slot in pool.slots:
                    await describe_first_ready([slot])
                found = await _timed(plan, scheduler, clip)
                return _told_by(pool, found)
        except TimeoutError:
            return Measurement(plan, "skipped", "the time was up")
        except CareVoiceError as error:
            return Measurement(plan, "failed", error.message)
        finally:
            await pool.close()


@dataclass(frozen=True, slots=True)
class _Clip:
    """What is decoded, and the measurements that a plan must come near to for its throughput to matter."""

    window: DecodeWindow
    rivals: Sequence[Measurement]


async def _timed(plan: EnginePlan, scheduler: Scheduler, clip: _Clip) -> Measurement:
    """The first windows, one for each worker, warm it up; then one at a time; then as many as the workers take."""
    began = time.perf_counter()
    heard = await _together(scheduler, clip.window, plan.workers)
    latency_s, slow = time.perf_counter() - began, False
    if latency_s > _SLOW_S:
        slow = True
    else:
        latency_s = await _alone(scheduler, clip.window)
    rate = None if slow or not rate_matters(latency_s, clip.rivals) else await _rate(scheduler, clip.window)
    found = Measurement(plan, latency_s=round(latency_s, 4), windows_per_s=rate and round(rate, 3))
    wrong = next(filter(None, (wrong_words(each.text) for each in heard)), None)
    return replace(found, outcome="wrong_words", why=wrong) if wrong else found


def _told_by(pool: EnginePool, found: Measurement) -> Measurement:
    """With the memory of the workers and the device that they say."""
    workers = [slot.worker for slot in pool.slots if slot.worker is not None]
    device = next((worker.ready.device for worker in workers if worker.ready is not None), "")
    return replace(found, memory_bytes=sum(peak_resident_bytes(worker.pid) for worker in workers), device=device)


async def _alone(scheduler: Scheduler, window: DecodeWindow) -> float:
    """Seconds of one window with nothing beside it: the least of a few, as other work on the machine adds to it."""
    taken: list[float] = []
    while not taken or (len(taken) < _RUNS and sum(taken) < _RUNS_S):
        began = time.perf_counter()
        await _together(scheduler, window, 1)
        taken.append(time.perf_counter() - began)
    return min(taken)


async def _rate(scheduler: Scheduler, window: DecodeWindow) -> float:
    """Windows a second with as many of them as the workers want in hand. The first round allocates what the second one
    finds allocated, as do all in a service that has run for a while."""
    count = max(_LEAST_WINDOWS, scheduler.pool.capacity)
    rates = []
    for _ in range(2):
        began = time.perf_counter()
        await _together(scheduler, window, count)
        rates.append(count / (time.perf_counter() - began))
    return max(rates)


async def _together(scheduler: Scheduler, window: DecodeWindow, count: int) -> list[WindowDecoded]:
    errand = Errand("tuning", Priority.INTERACTIVE)
    tasks = [asyncio.ensure_future(scheduler.decode(window, errand)) for _ in range(count)]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _problem_of(loading: Awaitable[Loadable]) -> str:
    """Why a model cannot be had; empty where it can."""
    try:
        await loading
    except CareVoiceError as error:
        return error.message
    return ""


def _log(found: Measurement) -> None:
    log.info(
        "plan_measured",
        plan=str(found.plan),
        outcome=found.outcome,
        why=found.why,
        latency_s=found.latency_s,
        windows_per_s=found.windows_per_s,
        memory_bytes=found.memory_bytes,
    )
