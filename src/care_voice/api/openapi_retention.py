"""OpenAPI descriptions of the routes of retention, holds and receipts."""

from __future__ import annotations

from typing import Any

from care_voice.domain.retention import Fate, Scope

Docs = dict[int | str, dict[str, Any]]

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_INVALID = {"description": "A field does not fit.", **_PROBLEM}
_RULE_SCHEMA: dict[str, Any] = {
    "scope": {"type": "string", "enum": [each.value for each in Scope]},
    "value": {"type": "string", "default": "", "description": "The tag or the client; empty with the default."},
    "days": {
        "type": ["number", "null"],
        "exclusiveMinimum": 0,
        "description": "From the moment a recording is complete until it goes to the trash; null keeps it for ever.",
    },
}


def _missing(what: str) -> Docs:
    return {404: {"description": f"There is no such {what}.", **_PROBLEM}}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


_LIMIT = _query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "How many at most.")
DUE_DOCS: dict[str, Any] = {
    "openapi_extra": {"parameters": [_LIMIT]},
    "responses": {200: {"description": f"`fate` is {Fate.TRASH} or {Fate.DELETE}."}, 400: _INVALID},
}
PUT_RULE_DOCS: dict[str, Any] = {
    "openapi_extra": _body(_RULE_SCHEMA, ["scope", "days"]),
    "responses": {400: _INVALID},
}
RULE_DOCS = _missing("rule")
HOLD_DOCS: dict[str, Any] = {
    "openapi_extra": _body({"reason": {"type": "string", "minLength": 1}, "replace": {"type": "boolean"}}, ["reason"]),
    "responses": {400: _INVALID, **_missing("recording")},
}
RELEASE_DOCS = _missing("recording")
RECEIPTS_DOCS: dict[str, Any] = {
    "openapi_extra": {
        "parameters": [
            _query("recording_id", {"type": "string"}, "Only those of this recording."),
            _query("cursor", {"type": "string"}, "`next` of the page before."),
            _LIMIT,
        ]
    },
    "responses": {400: _INVALID},
}
RECEIPT_DOCS = _missing("receipt")
