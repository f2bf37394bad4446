"""OpenAPI descriptions of the routes of jobs."""

from __future__ import annotations

from typing import Any

from care_voice.api.openapi import WEB_DOCS

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_FORM = WEB_DOCS["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
_OPTIONS = {name: value for name, value in _FORM.items() if name != "file"} | {
    "temperature": {"type": "number", "minimum": 0, "maximum": 1},
    "keywords": {"type": "array", "items": {"type": "string"}, "description": "As hotwords, one by one."},
}


def _errors(**described: str) -> dict[int | str, dict[str, Any]]:
    return {int(name.removeprefix("e")): {"description": text, **_PROBLEM} for name, text in described.items()}


_AWAY = "The database cannot be used now."

JOBS_DOCS = _errors(e404="There is no such recording.", e503=_AWAY)
JOB_DOCS = _errors(e404="There is no such job.", e503=_AWAY)
RETRY_DOCS = _errors(e404="There is no such job.", e409="It is in no state for that.", e503=_AWAY)
NODES_DOCS = _errors(e503=_AWAY)

TRANSCRIBE_DOCS: dict[str, Any] = {
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": 255},
            "description": "The same request with the same key finds the job of the first; kept for a week.",
        }
    ],
    "requestBody": {
        "content": {"application/json": {"schema": {"type": "object", "properties": _OPTIONS}}},
    },
    "responses": {
        "202": {"description": "The job, which is queued."},
        "200": {"description": "The job that was made with this key before."},
        **{
            str(status): about
            for status, about in _errors(
                e400="An option is not valid.",
                e404="There is no such recording, or no such model.",
                e409="It is still being received.",
                e422="The key was used for another request.",
                e503=_AWAY,
            ).items()
        },
    },
}

EVENTS_DOCS: dict[str, Any] = {
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "schema": {"type": "integer"},
            "description": "Only what came after this event; `after` in the query does the same.",
        },
        {"name": "after", "in": "query", "schema": {"type": "integer"}, "description": "As Last-Event-ID."},
    ],
    "responses": {
        "200": {
            "description": "Events until the client leaves; `id` counts from 1 without gaps.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **{str(status): about for status, about in JOBS_DOCS.items()},
    },
}
