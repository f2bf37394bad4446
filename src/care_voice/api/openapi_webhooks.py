"""OpenAPI descriptions of the routes of webhooks."""

from __future__ import annotations

from typing import Any, get_args

from care_voice.domain.webhooks import KINDS, DeliveryState

Docs = dict[int | str, dict[str, Any]]

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_NOT_FOUND = {"description": "There is no such endpoint or delivery.", **_PROBLEM}
_REFUSED = {"description": "Nothing may be sent to this address.", **_PROBLEM}
_INVALID = {"description": "A field does not fit.", **_PROBLEM}
_FIELDS: dict[str, Any] = {
    "url": {
        "type": "string",
        "format": "uri",
        "description": "A public https address, unless private ones are allowed.",
    },
    "events": {
        "type": "array",
        "items": {"type": "string", "examples": [*KINDS, "job.*", "*"]},
        "default": ["*"],
        "description": "Kinds of events, groups such as job.*, or * for all.",
    },
    "description": {"type": "string", "maxLength": 200},
    "include_text": {
        "type": "boolean",
        "default": False,
        "description": "Messages about a transcript hold what was said. Without it they name the recording only.",
    },
    "enabled": {"type": "boolean", "default": True},
}


def _body(required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "additionalProperties": False, "properties": _FIELDS, "required": required}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


WEBHOOK_DOCS: Docs = {404: _NOT_FOUND}
REMOVE_DOCS: Docs = {404: _NOT_FOUND}
SECRET_DOCS: Docs = {404: _NOT_FOUND}
DELIVERY_DOCS: Docs = {404: _NOT_FOUND}
DELIVERIES_DOCS: dict[str, Any] = {
    "openapi_extra": {
        "parameters": [
            _query("state", {"type": "string", "enum": list(get_args(DeliveryState))}, "Only these."),
            _query("cursor", {"type": "string"}, "`next` of the page before."),
            _query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "Deliveries in a page."),
        ]
    },
    "responses": {400: _INVALID, 404: _NOT_FOUND},
}
RESEND_DOCS: Docs = {404: _NOT_FOUND}
CREATE_DOCS: dict[str, Any] = {"openapi_extra": _body(["url"]), "responses": {400: _INVALID, 422: _REFUSED}}
PATCH_DOCS: dict[str, Any] = {
    "openapi_extra": _body([]),
    "responses": {400: _INVALID, 404: _NOT_FOUND, 422: _REFUSED},
}
