"""Health and metrics. The probes say a status and a reason; neither needs, nor gives, anything private."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from care_voice.api.problems import headers_of, problem_body
from care_voice.api.services import Services
from care_voice.service.engine_choice import EngineChoice

router = APIRouter(tags=["Health"])


@router.get("/health/live", summary="Is the process alive?")
async def live() -> dict[str, str]:
    """Answered by the event loop, which never computes: no answer means that the process hangs."""
    return {"status": "live"}


@router.get("/health/ready", summary="Does it take work?")
async def ready(services: Services) -> Response:
    """200 when the known clip was decoded and an engine worker was heard within seconds; else 503 and the reason.

    `engine` says what decodes: workers here, what runs the model and when that was measured; or a server elsewhere and
    the state of the circuit breaker towards it. `engines` says on what device, on which GPU and with which arithmetic
    each engine worker computes; `crash_looping` how many workers of one slot ended unexpectedly within a minute, and
    why the last one did.
    """
    lifecycle = services.lifecycle
    reason, loop = lifecycle.reason, lifecycle.crash_loop
    looping = loop and {"count": loop.count, "last_cause": loop.cause}
    common = {"crash_looping": looping, "engine": asdict(lifecycle.engine) | _plan(lifecycle.choice)}
    if reason is not None:
        body = {**problem_body(reason), "state": lifecycle.state, "status": 503, **common}
        return JSONResponse(body, 503, headers_of(reason, 503), media_type="application/problem+json")
    warning = lifecycle.warning
    shown = warning and {"code": warning.code, "detail": warning.message}
    engines = [{"device": e.device, "gpu": e.gpu, "compute_type": e.compute_type} for e in lifecycle.engines]
    return JSONResponse({"status": "ready", "warning": shown, "engines": engines, **common})


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


@router.get("/health/startup", summary="How far is the start?")
async def startup(services: Services) -> Response:
    """The stages in order with their times; 503 until all are done."""
    board = services.lifecycle.board
    stages: list[dict[str, Any]] = [
        {
            "name": stage.name,
            "state": stage.state,
            "seconds": round(stage.seconds, 3),
            "attempts": stage.attempts,
            "detail": stage.detail,
            "progress": stage.progress,
            "error": stage.error
            and {"code": stage.error.code, "detail": stage.error.message, "hint": stage.error.advice},
        }
        for stage in board.stages
    ]
    body = {"complete": board.complete, "total_s": board.total_s and round(board.total_s, 3), "stages": stages}
    return JSONResponse(body, 200 if board.complete else 503)


@router.get("/metrics", summary="Metrics for Prometheus")
async def metrics(services: Services) -> Response:
    """The text exposition format."""
    return Response(services.metrics.render(), media_type=CONTENT_TYPE_LATEST)
