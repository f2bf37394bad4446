"""What clients say of a recording that they send: the same fields in a form, in JSON and in the metadata of tus."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from fastapi import Request

from care_voice.api.options import EXTENSIONS, read_options
from care_voice.api.parameters import Fields
from care_voice.api.services import ApiServices
from care_voice.domain import labels
from care_voice.domain.errors import InvalidParameter, UnsupportedParameter
from care_voice.domain.recordings import Source, Wish
from care_voice.scheduler.work import Caller
from care_voice.service.intake import NewRecording
from care_voice.service.option_texts import to_texts
from care_voice.service.options import Task

Raw = Mapping[str, Sequence[str]]

OPTIONS = EXTENSIONS | {
    "model", "language", "languages", "languages[]", "task", "prompt", "temperature", "keywords", "keywords[]",
}  # fmt: skip
KNOWN = OPTIONS | {"title", "tags", "tags[]", "metadata", "transcribe"}
"""Fields of a form, beside the file; OPTIONS are those that say how to transcribe."""
KNOWN_JSON = KNOWN | {"filename", "media_type"}
_LISTS = frozenset({"languages", "temperatures", "keywords", "tags"})

KEY_HEADER = "Idempotency-Key"
_MAX_KEY = 255


def from_fields(services: ApiServices, caller: Caller, raw: Raw, source: Source, *, key: str | None) -> NewRecording:
    """A recording as fields describe it; `key` makes the request safe to send twice.

    Raises:
        InvalidParameter: A value is not valid, or more than the model can do.
        UnknownModel: The model is not served.
    """
    fields = Fields(raw)
    return NewRecording(
        client=caller.client,
        source=source,
        filename=labels.line("filename", fields.text("filename") or "", labels.MAX_FILENAME),
        media_type=labels.line("media_type", fields.text("media_type") or "", labels.MAX_FILENAME),
        title=labels.line("title", fields.text("title") or "", labels.MAX_TITLE),
        tags=labels.tags("tags", fields.many("tags")),
        metadata=labels.metadata("metadata", _pairs(fields.text("metadata"))),
        wish=wish_of(services, caller, fields),
        idempotency_key=key,
    )


def from_metadata(services: ApiServices, caller: Caller, pairs: Mapping[str, str], key: str | None) -> NewRecording:
    """A recording as the metadata of a tus upload describe it: what is not known here is kept with it.

    Raises:
        InvalidParameter: A value is not valid.
        UnknownModel: The model is not served.
    """
    names = {"filetype": "media_type", "type": "media_type", "name": "filename"}
    raw: dict[str, list[str]] = {}
    others: dict[str, str] = {}
    for given, value in pairs.items():
        name = names.get(given, given)
        if name not in KNOWN_JSON - {"metadata"}:
            others[name] = value
        else:
            raw[name] = value.split(",") if name in _LISTS else [value]
    raw["metadata"] = [json.dumps(others)]
    return from_fields(services, caller, raw, "upload", key=key)


def from_json(body: bytes, known: frozenset[str] = KNOWN_JSON) -> Raw:
    """The fields of a JSON object as those of a form.

    Raises:
        InvalidParameter: It is not an object of plain values.
        UnsupportedParameter: A field is not known.
    """
    value = _object("body", body)
    for name in value:
        if name not in known:
            raise UnsupportedParameter(param=name[:80], why="Care Voice does not know it")
    return {name: _texts(name, each) for name, each in value.items() if each is not None}


def idempotency_key(request: Request) -> str | None:
    """What the client calls this request. Raises InvalidParameter."""
    value = request.headers.get(KEY_HEADER)
    if value is None:
        return None
    if not value.strip():
        raise InvalidParameter(param=KEY_HEADER, why="it is empty")
    return labels.line(KEY_HEADER, value, _MAX_KEY)


def wish_of(services: ApiServices, caller: Caller, fields: Fields) -> Wish:
    """How a recording is to be transcribed, checked.

    Raises:
        InvalidParameter: A value is not valid, or more than the model can do.
        UnknownModel: The model is not served.
    """
    named = fields.text("model")
    model = services.model_named(named or services.transcriber.models.default.name)
    task = cast("Task", fields.choice("task", ("transcribe", "translate"), "transcribe"))
    transcribe = not fields.present("transcribe") or fields.flag("transcribe")
    # A default that is left open stays so: it may be another one when the recording is complete.
    return Wish(transcribe, model.name if named else "", to_texts(read_options(fields, model, task)), caller.bulk)


def _pairs(text: str | None) -> dict[str, str]:
    pairs = _object("metadata", (text or "{}").encode("utf-8", "surrogatepass"))
    for key, value in pairs.items():
        if not isinstance(value, str):
            raise InvalidParameter(param="metadata", why=f"the value of '{key[:40]}' is not text")
    return pairs


def _object(param: str, body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidParameter(param=param, why="it must be a JSON object")
    return value


def _texts(name: str, value: object) -> list[str]:
    if name == "metadata" and isinstance(value, dict):
        return [json.dumps(value)]
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str | int | float) for each in values):
        raise InvalidParameter(param=name, why="it must be a plain value, or a list of such")
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in values]
