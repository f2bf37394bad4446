"""Health and metrics. Anyone is told a status and a code; whoever runs the service is told everything."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from care_voice.api.health_report import (
    brief,
    devices_part,
    engine_part,
    model_part,
    model_status,
    start_part,
    status_of_service,
)
from care_voice.api.problems import headers_of, problem_body
from care_voice.api.services import Services
from care_voice.domain.errors import CareVoiceError

router = APIRouter(tags=["Health"])

_PROBLEM = "application/problem+json"


@router.get("/health/live", summary="Is the process alive?")
async def live() -> dict[str, str]:
    """Answered by the event loop, which never computes: no answer means that the process hangs."""
    return {"status": "live"}


@router.get("/health/ready", summary="Does it take work?")
async def ready(request: Request, services: Services) -> Response:
    """200 when the database can be reached, an engine worker was heard within seconds and has proved itself lately,
    the queue has room and so has the disk; else 503 and the code of the reason.

    Operators also learn why, what to do, and what decodes: workers here, what runs the model and when that was
    measured; or a server elsewhere and the state of the circuit breaker towards it. `engines` says on what device, on
    which GPU and with which arithmetic each engine worker computes; `crash_looping` how many workers of one slot ended
    unexpectedly within a minute, and why the last one did.
    """
    lifecycle, operator = services.lifecycle, services.operators.is_one(request)
    state, reason = status_of_service(lifecycle), lifecycle.readiness.unready
    told = engine_part(lifecycle) if operator else {}
    if reason is not None:
        return _unready(reason, state, told, operator=operator)
    if operator:
        told |= {"warning": brief(lifecycle.warning), "engines": devices_part(lifecycle)}
    return JSONResponse({"status": state, **told})


@router.get("/health/startup", summary="How far is the start?")
async def startup(request: Request, services: Services) -> Response:
    """503 until all stages are done. Operators get the stages in order with their times."""
    board = services.lifecycle.board
    told = start_part(board) if services.operators.is_one(request) else {}
    return JSONResponse({"status": status_of_service(services.lifecycle), **told}, 200 if board.complete else 503)


@router.get("/health", summary="Everything that is known of its health")
async def everything(request: Request, services: Services) -> Response:
    """Stages, engine, queue, models, database, disk and jobs for operators, at most a second old; others get the
    status. 503 where it takes no work."""
    code = 200 if services.lifecycle.readiness.unready is None else 503
    if not services.operators.is_one(request):
        return JSONResponse({"status": status_of_service(services.lifecycle)}, code)
    return JSONResponse(await services.health.body(services), code)


@router.get("/health/models/{name}", summary="Does a model take work?")
async def model(name: str, request: Request, services: Services) -> Response:
    """Of a model that is served: `unloaded` is one that the next request for it loads. 503 where it takes no work.
    Operators learn what runs it, what waits for it and what is known of its files."""
    served = services.model_named(name)
    status = model_status(services, served)
    told = await model_part(services, served.name) if services.operators.is_one(request) else {}
    return JSONResponse({"status": status, **told}, 200 if status in ("ready", "unloaded") else 503)


@router.get("/metrics", summary="Metrics for Prometheus")
async def metrics(request: Request, services: Services) -> Response:
    """The text exposition format, for operators."""
    services.operators.require(request)
    return Response(services.metrics.render(), media_type=CONTENT_TYPE_LATEST)


def _unready(reason: CareVoiceError, state: str, told: dict[str, Any], *, operator: bool) -> Response:
    whole = {**problem_body(reason), "status": 503}
    shown = whole if operator else {name: whole[name] for name in ("type", "title", "status", "code")}
    return JSONResponse({**shown, "state": state, **told}, 503, headers_of(reason, 503), media_type=_PROBLEM)
