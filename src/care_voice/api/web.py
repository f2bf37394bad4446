"""What the web app talks to: the state of the service, and a transcription as a stream of progress and segments."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response

from care_voice import __version__
from care_voice.api.context import request_id
from care_voice.api.openapi import WEB_DOCS
from care_voice.api.options import EXTENSIONS, read_options
from care_voice.api.parameters import Fields
from care_voice.api.problems import problem_body
from care_voice.api.services import ApiServices, Services
from care_voice.api.streams import event_stream
from care_voice.api.uploads import Form, received_form
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.formats import all_files, verbose_segment
from care_voice.domain.languages import LANGUAGES, language_name
from care_voice.domain.transcript import Segment, Transcript
from care_voice.scheduler.work import Caller
from care_voice.service.options import Task, TranscriptionOptions
from care_voice.service.startup import Stage
from care_voice.service.transcription import Event, Finished, Progress, SegmentReady

router = APIRouter(prefix="/api/v1", tags=["Web app"])

_KNOWN = EXTENSIONS | {"model", "language", "languages", "languages[]", "task", "prompt"}


@dataclass(frozen=True, slots=True)
class _Wish:
    model: str
    options: TranscriptionOptions
    caller: Caller


@router.get("/status", summary="State of the service")
async def status(request: Request, services: Services) -> dict[str, Any]:
    """What the app shows at its top, and what it may offer. Operators get the reason in words, others its code."""
    lifecycle, settings = services.lifecycle, services.settings
    reason, stage = lifecycle.reason or lifecycle.warning, lifecycle.board.current
    operator = services.operators.is_one(request)
    multilingual = services.transcriber.models.default.multilingual
    return {
        "version": __version__,
        "ready": lifecycle.state == "ready",
        "state": lifecycle.state,
        "reason": reason and _reason(reason, operator=operator),
        "stage": stage and _stage(stage, operator=operator),
        "model": services.transcriber.models.default.name,
        "models": services.models,
        "engine": lifecycle.engine.kind,
        "profile": services.transcriber.settings.profile,
        "languages": [{"code": c, "name": n} for c, n in LANGUAGES.items() if multilingual or c == "en"],
        "limits": {
            "max_body_bytes": settings.max_body_bytes,
            "max_duration_s": services.transcriber.settings.max_duration_s,
        },
    }


def _reason(error: CareVoiceError, *, operator: bool) -> dict[str, str]:
    told = (error.message, error.advice) if operator else ("", "")
    return {"code": error.code, "message": told[0], "hint": told[1]}


def _stage(stage: Stage, *, operator: bool) -> dict[str, Any]:
    """Names of files are for operators; what is being done with them is not."""
    detail = stage.detail if operator else stage.detail.partition(" ")[0]
    return {"name": stage.name, "detail": detail, "progress": stage.progress}


@router.post("/transcriptions", openapi_extra=WEB_DOCS, summary="Transcribe with progress")
async def transcribe(request: Request, services: Services) -> Response:
    """Server-sent events: accepted, progress, segment, and in the end done or error."""
    caller = await services.admit(request)
    async with AsyncExitStack() as stack:
        form = await stack.enter_async_context(received_form(request, services.incoming_dir, _KNOWN))
        fields = Fields(form.fields)
        model = services.model_named(fields.text("model") or services.transcriber.models.default.name)
        task = cast("Task", fields.choice("task", ("transcribe", "translate"), "transcribe"))
        options = read_options(fields, model, task)
        frames = _frames(services, form, _Wish(model.name, options, caller), stack.pop_all())
        return await event_stream(frames, services.settings.keep_alive_s)


async def _frames(
    services: ApiServices, form: Form, wish: _Wish, resources: AsyncExitStack
) -> AsyncGenerator[bytes, None]:
    begun = False
    try:
        async with (
            resources,
            services.transcriber.run(
                form.path, wish.options, request_id.get(), wish.caller, model=wish.model
            ) as events,
        ):
            async for event in events:
                if not begun:
                    begun = True
                    yield _frame("accepted", {"request_id": request_id.get()})
                yield _event_frame(event)
    except CareVoiceError as error:
        if not begun:
            raise
        yield _frame("error", problem_body(error))


def _event_frame(event: Event) -> bytes:
    if isinstance(event, Progress):
        return _frame("progress", {"done_s": round(event.done_s, 2), "total_s": event.total_s})
    if isinstance(event, SegmentReady):
        return _frame("segment", _segment(event.segment))
    assert isinstance(event, Finished)
    return _frame("done", _done(event.transcript))


def _segment(segment: Segment) -> dict[str, Any]:
    body = verbose_segment(segment)
    del body["tokens"]
    body["text"] = segment.text.strip()
    body["words"] = [
        {"word": w.text, "start": round(w.start, 3), "end": round(w.end, 3), "probability": round(w.probability, 4)}
        for w in segment.words
    ]
    return body


def _done(transcript: Transcript) -> dict[str, Any]:
    return {
        "language": transcript.language,
        "language_name": language_name(transcript.language),
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "formats": all_files(transcript),
    }


def _frame(event: str, body: dict[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
