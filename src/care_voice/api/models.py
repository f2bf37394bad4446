"""The models of this installation: what there is, pull, verify, cancel, remove, and progress as it happens."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import Response

from care_voice.api.openapi import EVENTS_DOCS, MODEL_DOCS, MODELS_DOCS, OPERATION_DOCS, REMOVAL_DOCS
from care_voice.api.problems import problem_body
from care_voice.api.services import Services
from care_voice.api.streams import event_stream
from care_voice.models.progress import Snapshot
from care_voice.models.upkeep import Usage
from care_voice.service.model_library import ModelLibrary, ModelView, Signature
from care_voice.service.model_operations import OperationView

router = APIRouter(prefix="/api/v1/models", tags=["Models"])

_ACCEPTED, _NO_CONTENT = 202, 204


@router.get("", responses=MODELS_DOCS, summary="The catalogue, what is installed, and the disk")
async def list_models(services: Services) -> dict[str, Any]:
    """Every model in the order of the catalogue. States show what is known without hashing."""
    views, usage = await services.library.models(), await services.library.disk()
    runtime_of = services.transcriber.models.runtime_of
    return {"models": [_model(view, usage, runtime_of(view.name)) for view in views], "disk": _disk(usage)}


@router.get("/{name}", responses=MODEL_DOCS, summary="One model")
async def get_model(name: str, services: Services) -> dict[str, Any]:
    """As in the list."""
    view, usage = await services.library.model(name), await services.library.disk()
    return _model(view, usage, services.transcriber.models.runtime_of(name))


@router.delete("/{name}", status_code=_NO_CONTENT, responses=REMOVAL_DOCS, summary="Remove a model")
async def remove_model(name: str, services: Services) -> None:
    """Delete its files; what other models share stays. Refused for the model that is served."""
    await services.library.remove(name)


@router.post("/{name}/pull", status_code=_ACCEPTED, responses=OPERATION_DOCS, summary="Pull or mend a model")
async def pull_model(name: str, services: Services) -> dict[str, Any]:
    """Fetch what is missing or damaged, in the background. Joins a pull that runs."""
    return _operation(await services.library.pull(name))


@router.post("/{name}/verify", status_code=_ACCEPTED, responses=OPERATION_DOCS, summary="Verify a model")
async def verify_model(name: str, services: Services) -> dict[str, Any]:
    """Hash every file, in the background. Joins a verification that runs."""
    return _operation(await services.library.verify(name))


@router.delete("/{name}/operation", status_code=_NO_CONTENT, responses=REMOVAL_DOCS, summary="Cancel what runs")
async def cancel_operation(name: str, services: Services) -> None:
    """Answered when it has ended, or after 5 s: a source that is silent is left late.

    What has arrived is kept for the next pull. No error where nothing runs.
    """
    await services.library.cancel(name)


@router.get("/{name}/events", responses=EVENTS_DOCS, summary="Follow what runs")
async def follow_operation(name: str, request: Request, services: Services) -> Response:
    """Server-sent events: progress, as it is now and whenever it changes, and in the end done or error.

    Where nothing has run since the service started there is one event, idle. A browser that asks again after the end
    gets a 204, which tells it to stop.
    """
    last = (await services.library.model(name)).operation
    at_rest = last is None or last.ended_at is not None
    if at_rest and request.headers.get("last-event-id") == _event_id(last):
        return Response(status_code=_NO_CONTENT)
    return await event_stream(_frames(services.library, name), services.settings.keep_alive_s)


async def _frames(library: ModelLibrary, name: str) -> AsyncGenerator[bytes, None]:
    view: OperationView | None = None
    async with aclosing(library.events(name)) as views:
        async for view in views:
            yield _event(view)
    if view is None:
        yield _frame("idle", None, {})


def _event(view: OperationView) -> bytes:
    if view.state == "running":
        body = {"kind": view.kind, "cancelling": view.cancelling, **_progress(view.progress)}
        return _frame("progress", view, body)
    if view.error is not None:
        return _frame("error", view, problem_body(view.error))
    return _frame("done", view, _operation(view))


def _frame(event: str, view: OperationView | None, body: dict[str, Any]) -> bytes:
    return f"id: {_event_id(view)}\nevent: {event}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


def _event_id(view: OperationView | None) -> str:
    return f"{view.id}-{view.version}" if view else "idle"


def _operation(view: OperationView) -> dict[str, Any]:
    return {
        "id": view.id,
        "kind": view.kind,
        "started_by": view.started_by,
        "state": view.state,
        "cancelling": view.cancelling,
        "started_at": _time(view.started_at),
        "ended_at": _time(view.ended_at),
        "progress": _progress(view.progress),
        "error": view.error and problem_body(view.error),
    }


def _progress(snapshot: Snapshot) -> dict[str, Any]:
    return {
        **asdict(snapshot),
        "rate_bytes_s": snapshot.rate_bytes_s and round(snapshot.rate_bytes_s),
        "eta_s": snapshot.eta_s if snapshot.eta_s is None else round(snapshot.eta_s, 1),
    }


def _model(view: ModelView, usage: Usage, runtime: str | None) -> dict[str, Any]:
    return {
        "name": view.name,
        "state": view.state,
        "why": view.why,
        "in_use": view.in_use,
        "runtime": runtime,
        **_description(view),
        **_installation(view),
        **_space(view.name, usage),
        "signature": _signature(view.signature),
        "operation": view.operation and _operation(view.operation),
    }


def _signature(signature: Signature) -> dict[str, Any]:
    return {"state": signature.state, "signer": signature.signer, "expires_at": _time(signature.expires_at)}


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _description(view: ModelView) -> dict[str, Any]:
    """What the catalogue says; of a model that it does not know, what was written down when it was pulled."""
    entry, manifest = view.entry, view.manifest
    known = entry or manifest
    assert known is not None
    derived = known.derived
    return {
        "languages": entry and entry.languages,
        "note": entry.note if entry else "",
        "licence": known.licence,
        "format": known.format,
        "revision": known.revision or None,
        "hub_repo": known.hub_repo,
        "size_bytes": known.total_bytes,
        "memory_bytes": (entry.memory_bytes or None) if entry else None,
        "derived": derived and msgspec.to_builtins(derived),
    }


def _installation(view: ModelView) -> dict[str, Any]:
    manifest, record = view.manifest, view.record
    return {
        "source": manifest and manifest.source,
        "pulled_at": manifest and manifest.pulled_at,
        "pulled_by": (manifest.pulled_by or None) if manifest else None,
        "verified_at": record and record.verified_at,
    }


def _space(name: str, usage: Usage) -> dict[str, Any]:
    used = next((each for each in usage.models if each.name == name), None)
    return {"own_bytes": used.own_bytes if used else 0, "shared_bytes": used.shared_bytes if used else 0}


def _disk(usage: Usage) -> dict[str, Any]:
    return {
        "blobs_bytes": usage.blobs_bytes,
        "copies_bytes": usage.copies_bytes,
        "incoming_bytes": usage.incoming_bytes,
        "reclaimable_bytes": usage.reclaimable_bytes,
        "free_bytes": usage.free_bytes,
    }
