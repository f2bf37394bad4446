"""The OpenAI transcription API: /v1/audio/transcriptions, /v1/audio/translations and /v1/models."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from care_voice.api.context import request_id
from care_voice.api.openapi import TRANSCRIPTION_DOCS, TRANSLATION_DOCS
from care_voice.api.options import EXTENSIONS, read_options
from care_voice.api.parameters import Fields
from care_voice.api.problems import openai_body
from care_voice.api.services import ApiServices, Services
from care_voice.api.streams import event_stream, unless_disconnected
from care_voice.api.uploads import Form, received_form
from care_voice.domain.errors import CareVoiceError, InvalidParameter, UnknownModel, UnsupportedParameter
from care_voice.domain.formats import logprob, usage, verbose
from care_voice.domain.languages import UNDETERMINED
from care_voice.domain.subtitles import to_srt, to_vtt
from care_voice.domain.transcript import Segment, Transcript
from care_voice.engine.protocol import VadOptions
from care_voice.scheduler.work import Caller
from care_voice.service.options import TranscriptionOptions
from care_voice.service.served_models import ServedModel
from care_voice.service.transcription import Finished, SegmentReady

router = APIRouter(tags=["OpenAI-compatible"])

_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
_NOT_YET = {
    "known_speaker_names": "speakers are not told apart",
    "known_speaker_references": "speakers are not told apart",
}
_COMMON = EXTENSIONS | {"model", "prompt", "response_format", "temperature"}
_TRANSCRIPTION = _COMMON | {
    "language", "languages", "languages[]", "keywords", "keywords[]",
    "timestamp_granularities", "timestamp_granularities[]", "include",
    "include[]", "stream", "chunking_strategy", "chunking_strategy[type]", "chunking_strategy[threshold]",
    "chunking_strategy[prefix_padding_ms]", "chunking_strategy[silence_duration_ms]",
    *_NOT_YET, *(f"{name}[]" for name in _NOT_YET),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the client asked for, checked."""

    model: ServedModel
    options: TranscriptionOptions
    response_format: str
    segments: bool = False
    words: bool = False
    logprobs: bool = False
    stream: bool = False


@router.post("/v1/audio/transcriptions", openapi_extra=TRANSCRIPTION_DOCS, summary="Transcribe a recording")
async def create_transcription(request: Request, services: Services) -> Response:
    """The recording's words, in its own language."""
    return await _answer(request, services, _TRANSCRIPTION, _read_transcription)


@router.post("/v1/audio/translations", openapi_extra=TRANSLATION_DOCS, summary="Translate a recording into English")
async def create_translation(request: Request, services: Services) -> Response:
    """The recording's words, in English."""
    return await _answer(request, services, _COMMON, _read_translation)


@router.get("/v1/models", summary="List the models that are served")
async def list_models(services: Services) -> dict[str, Any]:
    """Every name that a request may give as `model`."""
    return {"object": "list", "data": [_model(name) for name in services.models]}


@router.get("/v1/models/{name}", summary="One model")
async def get_model(name: str, services: Services) -> dict[str, Any]:
    """Raises UnknownModel."""
    if name not in services.models:
        raise UnknownModel(model=name[:80], param="model")
    return _model(name)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "care-voice"}


async def _answer(request: Request, services: ApiServices, known: frozenset[str], read: Any) -> Response:
    caller = await services.admit(request)
    async with AsyncExitStack() as stack:
        form = await stack.enter_async_context(received_form(request, services.incoming_dir, known))
        fields = Fields(form.fields)
        model = services.model_named(fields.required("model"))
        wish: _Wish = read(fields, model)
        if wish.stream:
            frames = _frames(services, form, wish, caller, stack.pop_all())
            return await event_stream(frames, services.settings.keep_alive_s)
        work = services.transcriber.transcribe(form.path, wish.options, request_id.get(), caller, model=model.name)
        return _rendered(await unless_disconnected(request, work), wish)


def _read_transcription(fields: Fields, model: ServedModel) -> _Wish:
    for name, why in _NOT_YET.items():
        if fields.present(name):
            raise UnsupportedParameter(param=name, why=why)
    response_format = _response_format(fields)
    granularities = fields.many("timestamp_granularities", ("word", "segment"))
    if granularities and response_format != "verbose_json":
        raise InvalidParameter(param="timestamp_granularities", why="it needs response_format=verbose_json")
    logprobs = "logprobs" in fields.many("include", ("logprobs",))
    if logprobs and response_format != "json":
        raise InvalidParameter(param="include", why="logprobs need response_format=json")
    if logprobs and not model.pool.gives_tokens:
        raise UnsupportedParameter(param="include", why="the remote engine gives no log-probabilities of tokens")
    stream = fields.flag("stream")
    if stream and response_format not in ("json", "text"):
        raise InvalidParameter(param="stream", why="a stream needs response_format json or text")
    options = read_options(fields, model, "transcribe", _vad(fields))
    words = "word" in granularities
    segments = "segment" in granularities or not words
    return _Wish(model, options, response_format, segments, words, logprobs, stream)


def _read_translation(fields: Fields, model: ServedModel) -> _Wish:
    return _Wish(model, read_options(fields, model, "translate"), _response_format(fields), segments=True)


def _response_format(fields: Fields) -> str:
    if fields.text("response_format") == "diarized_json":
        raise UnsupportedParameter(
            param="response_format", why="speakers are not told apart, so there is no diarized_json"
        )
    return fields.choice("response_format", _FORMATS, "json")


def _vad(fields: Fields) -> VadOptions:
    """`chunking_strategy`: "auto", or server_vad with its settings as an object, in JSON or as name[key]."""
    whole = fields.text("chunking_strategy")
    if whole is not None and whole != "auto":
        fields = Fields(_object("chunking_strategy", whole))
    kind = fields.choice("chunking_strategy[type]", ("server_vad",), "")
    threshold = fields.number("chunking_strategy[threshold]", 0.01, 0.99)
    silence = fields.number("chunking_strategy[silence_duration_ms]", 0, 10_000)
    padding = fields.number("chunking_strategy[prefix_padding_ms]", 0, 5_000)
    if not kind:
        if (threshold, silence, padding) != (None, None, None):
            raise InvalidParameter(param="chunking_strategy", why="its type must be server_vad")
        return VadOptions()
    return VadOptions(
        threshold=0.5 if threshold is None else threshold,
        min_silence_ms=200 if silence is None else round(silence),
        speech_pad_ms=300 if padding is None else round(padding),
    )


def _object(name: str, text: str) -> dict[str, list[str]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not set(value) <= {
        "type", "threshold", "prefix_padding_ms", "silence_duration_ms",
    }:  # fmt: skip
        raise InvalidParameter(param=name, why="it must be 'auto' or an object of type server_vad")
    return {f"{name}[{key}]": [str(entry)] for key, entry in value.items()}


def _rendered(transcript: Transcript, wish: _Wish) -> Response:
    if wish.response_format == "text":
        return PlainTextResponse(transcript.text + "\n")
    if wish.response_format == "srt":
        return Response(to_srt(transcript), media_type="application/x-subrip; charset=utf-8")
    if wish.response_format == "vtt":
        return Response(to_vtt(transcript), media_type="text/vtt; charset=utf-8")
    if wish.response_format == "verbose_json":
        return JSONResponse(verbose(transcript, segments=wish.segments, words=wish.words))
    return JSONResponse(_json(transcript, wish))


def _json(transcript: Transcript, wish: _Wish) -> dict[str, Any]:
    body: dict[str, Any] = {"text": transcript.text}
    if wish.options.languages:
        body["languages"] = [{"code": code} for code in transcript.languages if code != UNDETERMINED]
    if wish.logprobs:
        body["logprobs"] = [logprob(token) for token in transcript.tokens]
    body["usage"] = usage(transcript)
    return body


async def _frames(
    services: ApiServices, form: Form, wish: _Wish, caller: Caller, resources: AsyncExitStack
) -> AsyncGenerator[bytes, None]:
    """Deltas that add up to the final text; an error once the stream has begun is the API's own error object."""
    begun = False
    try:
        async with (
            resources,
            services.transcriber.run(
                form.path, wish.options, request_id.get(), caller, model=wish.model.name
            ) as events,
        ):
            first = True
            async for event in events:
                begun = True
                if isinstance(event, SegmentReady):
                    yield _frame(_delta(event.segment, wish, first=first))
                    first = False
                elif isinstance(event, Finished):
                    yield _frame({"type": "transcript.text.done", **_json(event.transcript, wish)})
                else:
                    yield _COMMENT
    except CareVoiceError as error:
        if not begun:
            raise
        yield _frame(openai_body(error))


_COMMENT = b": progress\n\n"


def _delta(segment: Segment, wish: _Wish, *, first: bool) -> dict[str, Any]:
    text = segment.text
    body: dict[str, Any] = {"type": "transcript.text.delta", "delta": text.lstrip() if first else text}
    if wish.logprobs:
        body["logprobs"] = [logprob(token) for token in segment.tokens]
    return body


def _frame(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()
