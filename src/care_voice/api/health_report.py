"""What the health says in full: for whoever runs the service."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from care_voice import __version__
from care_voice.domain.errors import CareVoiceError
from care_voice.service.engine_choice import EngineChoice
from care_voice.service.lifecycle import Lifecycle
from care_voice.service.readiness import State
from care_voice.service.served_models import ServedModel
from care_voice.service.startup import Stage, StartupBoard

if TYPE_CHECKING:
    from care_voice.api.services import ApiServices

_FRESH_S = 1.0


def status_of_service(lifecycle: Lifecycle) -> State:
    """The one word that anyone is told: work that is better sent elsewhere makes a service degraded too."""
    if lifecycle.state == "ready" and lifecycle.readiness.unready is not None:
        return "degraded"
    return lifecycle.state


def brief(error: CareVoiceError | None) -> dict[str, str] | None:
    """What is wrong, and what to do about it."""
    return None if error is None else {"code": error.code, "detail": error.message, "hint": error.advice}


def engine_part(lifecycle: Lifecycle) -> dict[str, Any]:
    """What decodes, and whether its workers end one after the other."""
    loop = lifecycle.crash_loop
    return {
        "crash_looping": loop and {"count": loop.count, "last_cause": loop.cause},
        "engine": asdict(lifecycle.engine) | _plan(lifecycle.choice),
    }


def devices_part(lifecycle: Lifecycle) -> list[dict[str, Any]]:
    """On what each engine worker computes."""
    return [{"device": e.device, "gpu": e.gpu, "compute_type": e.compute_type} for e in lifecycle.engines]


def start_part(board: StartupBoard) -> dict[str, Any]:
    """The stages of the start, and when a failed one is tried again."""
    wait_s = board.retry_in_s
    return {
        "complete": board.complete,
        "total_s": board.total_s and round(board.total_s, 3),
        "retry_in_s": wait_s if wait_s is None else round(wait_s, 1),
        "stages": [_stage(stage) for stage in board.stages],
    }


class HealthReport:
    """Everything, put together at most once a second however often it is asked for."""

    def __init__(self) -> None:
        self._made_at = 0.0
        self._body: dict[str, Any] = {}
        self._making = asyncio.Lock()

    async def body(self, services: ApiServices) -> dict[str, Any]:
        """What there is to know."""
        async with self._making:
            if not self._body or time.monotonic() - self._made_at >= _FRESH_S:
                self._body = await _all_of(services)
                self._made_at = time.monotonic()
            return self._body


async def _all_of(services: ApiServices) -> dict[str, Any]:
    lifecycle, transcriber = services.lifecycle, services.transcriber
    disk, trouble = services.recordings.disk, services.recordings.watch.trouble
    names = transcriber.models.names
    return {
        "status": status_of_service(lifecycle),
        "version": __version__,
        "at": _time(time.time()),
        "reason": brief(lifecycle.readiness.unready),
        "warning": brief(lifecycle.warning),
        "start": start_part(lifecycle.board),
        "devices": devices_part(lifecycle),
        **engine_part(lifecycle),
        "self_test": {"passed_at": _time(lifecycle.self_test.passed_at), "detail": lifecycle.self_test.detail},
        "queue": {"transcriptions": transcriber.active, "audio_s": _queued(transcriber.models.default)},
        "database": {"status": "ok" if trouble is None else "unavailable", "reason": brief(trouble)},
        "disk": {"level": disk.level.name.lower(), "free_bytes": disk.free},
        "jobs": {"standing_by": services.recordings.standing_by()},
        "models": {name: await model_part(services, name) for name in names},
    }


async def model_part(services: ApiServices, name: str) -> dict[str, Any]:
    """A served model: whether it takes work, what runs it, and what is known of its files."""
    served = services.transcriber.models[name]
    local = served.local
    body: dict[str, Any] = {
        "status": model_status(services, served),
        "reason": brief(_fault(services, served)),
        "users": served.users,
        "queue": {"audio_s": _queued(served)},
        "engine": asdict(served.pool.facts) | (_plan(local.choice) if local else {}),
        "workers": len(served.pool.workers),
    }
    if local is not None:
        view = await services.library.model(name)
        body["files"] = {
            "state": view.state,
            "why": view.why,
            "verified_at": view.record.verified_at if view.record else None,
            "digest": view.entry.digest if view.entry and view.entry.files else None,
            "signature": view.signature.state,
        }
    return body


def model_status(services: ApiServices, served: ServedModel) -> str:
    """That of the service for the default model; others are loaded when somebody asks for them."""
    if served is services.transcriber.models.default:
        return status_of_service(services.lifecycle)
    if not served.loaded:
        return "unloaded"
    return "ready" if served.pool.refusal is None else "degraded"


def _fault(services: ApiServices, served: ServedModel) -> CareVoiceError | None:
    if served is services.transcriber.models.default:
        return services.lifecycle.readiness.unready
    return served.pool.refusal if served.loaded else None


def _queued(served: ServedModel) -> float:
    return round(served.scheduler.queued_s, 1)


def _stage(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "state": stage.state,
        "seconds": round(stage.seconds, 3),
        "attempts": stage.attempts,
        "detail": stage.detail,
        "progress": stage.progress,
        "error": brief(stage.error),
    }


def _plan(choice: EngineChoice | None) -> dict[str, Any]:
    """Of an engine here: what runs the model, and when that was measured."""
    if choice is None:
        return {}
    return {
        "runtime": choice.plan.runtime,
        "workers": choice.plan.workers,
        "threads": choice.plan.threads,
        "graphs": choice.uses_graphs,
        "measured_at": choice.measured_at,
        "detail": choice.detail,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
