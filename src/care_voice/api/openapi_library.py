"""OpenAPI descriptions of the library's routes."""

from __future__ import annotations

from typing import Any, get_args

from care_voice.domain import labels
from care_voice.domain.library import ORDERS, TRANSCRIPTIONS
from care_voice.domain.recordings import RecordingState, Source
from care_voice.domain.searching import MAX_QUERY_CHARACTERS
from care_voice.service.library import MAX_BULK, MAX_NOTES, MAX_PAGE, Action

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_INVALID = {"description": "A parameter does not fit.", **_PROBLEM}
_NOT_FOUND = {"description": "There is no such recording.", **_PROBLEM}
_HELD = {"description": "The recording is kept by a legal hold.", **_PROBLEM}
_CHANGED = {"description": "The recording is not at the version of If-Match any more.", **_PROBLEM}
_TEXT: dict[str, Any] = {"type": "string"}
_TIME = {"type": "string", "description": "A date or a time of ISO 8601; UTC where it names no zone."}
_TAGS = {"type": "array", "items": {"type": "string", "maxLength": labels.MAX_TAG}, "maxItems": labels.MAX_TAGS}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


_IF_MATCH = {
    "parameters": [
        {"name": "If-Match", "in": "header", "schema": _TEXT, "description": "The ETag that the change was made to."}
    ]
}

LIST_DOCS: dict[str, Any] = {
    "openapi_extra": {
        "parameters": [
            _query(
                "q",
                {"type": "string", "maxLength": MAX_QUERY_CHARACTERS},
                'Words, all of which must be there; "phrases" in quotes. Title, file name, notes, tags, transcript.',
            ),
            _query("tag", {"type": "array", "items": _TEXT}, "All of these tags; repeat it."),
            _query("state", {"type": "string", "enum": list(get_args(RecordingState))}, "Only these."),
            _query("client", _TEXT, "Only those of this client."),
            _query("language", _TEXT, "Language of the current transcript: a code such as `zh`."),
            _query("source", {"type": "string", "enum": list(get_args(Source))}, "Only these."),
            _query("from", _TIME, "Created then or later."),
            _query("to", _TIME, "Created before; a day is included."),
            _query("trashed", {"type": "boolean", "default": False}, "Those in the trash, and no others."),
            _query("has_transcript", {"type": "boolean"}, "Those that have one, or have none."),
            _query("legal_hold", {"type": "boolean"}, "Those that are held, or are not."),
            _query(
                "transcription",
                {"type": "string", "enum": list(TRANSCRIPTIONS)},
                "Those whose newest transcription is so; `none`: nobody asked for one.",
            ),
            _query("order", {"type": "string", "enum": list(ORDERS), "default": "newest"}, "relevance needs q."),
            _query("cursor", _TEXT, "`next` of the page before, with the same filters."),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50}, "Length of a page."),
            _query("count", {"type": "boolean", "default": False}, "Count them too: `total`, exact up to 1,000."),
            _query(
                "summary",
                {"type": "boolean", "default": False},
                "With each its `summary`: language and beginning of the current transcript.",
            ),
        ]
    },
    "responses": {400: _INVALID},
}
SHOW_DOCS: dict[str, Any] = {"responses": {404: _NOT_FOUND}}
CHANGE_DOCS: dict[str, Any] = {
    "openapi_extra": {
        **_IF_MATCH,
        **_body(
            {
                "title": {"type": "string", "maxLength": labels.MAX_TITLE},
                "notes": {"type": "string", "maxLength": MAX_NOTES},
                "tags": _TAGS,
            },
            [],
        ),
    },
    "responses": {400: _INVALID, 404: _NOT_FOUND, 412: _CHANGED},
}
TRASH_DOCS: dict[str, Any] = {
    "openapi_extra": {
        "parameters": [
            *_IF_MATCH["parameters"],
            {
                "name": "permanently",
                "in": "query",
                "schema": {"type": "boolean", "default": False},
                "description": "Delete it for good; the answer is the receipt.",
            },
            {
                "name": "reason",
                "in": "query",
                "schema": _TEXT,
                "description": "For the receipt of a deletion for good.",
            },
        ]
    },
    "responses": {404: _NOT_FOUND, 409: _HELD, 412: _CHANGED},
}
RESTORE_DOCS: dict[str, Any] = {"responses": {404: _NOT_FOUND}}
BULK_DOCS: dict[str, Any] = {
    "openapi_extra": _body(
        {
            "action": {"type": "string", "enum": list(get_args(Action))},
            "ids": {"type": "array", "items": _TEXT, "maxItems": MAX_BULK},
            "tags": _TAGS,
        },
        ["action", "ids"],
    ),
    "responses": {400: _INVALID},
}
TAGS_DOCS: dict[str, Any] = {}
