"""OpenAPI descriptions of the routes of stored transcripts."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any

from care_voice.api.edit_bodies import EDITS, MAX_EDITS
from care_voice.service.exports import FORMATS

_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "tuple[str, ...]": {"type": "array", "items": {"type": "string"}},
}
_REVISION = {
    "type": "integer",
    "description": "The revision that was read; left out where If-Match says it.",
}


def _errors(**described: str) -> dict[str, Any]:
    return {name.removeprefix("e"): {"description": text, **_PROBLEM} for name, text in described.items()}


def _query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": description}


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": {"type": "string"}, "description": description}


def _body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {"required": bool(required), "content": {"application/json": {"schema": schema}}}


def _edit_schema(kind: str) -> dict[str, Any]:
    """As the edit's own class has it."""
    known = fields(EDITS[kind])  # type: ignore[arg-type]
    required = [field.name for field in known if field.default is MISSING]
    return {
        "type": "object",
        "description": (EDITS[kind].__doc__ or "").strip(),
        "required": ["op", *required],
        "properties": {"op": {"const": kind}, **{field.name: _TYPES[str(field.type)] for field in known}},
    }


_IF_MATCH = _header("If-Match", "The ETag that was read, or * for whatever is there.")
_NONE = "There is no such recording, or no such version of its transcript."
_CONFLICT = "Somebody has edited it meanwhile; `detail` says its revision."
VERSIONS_DOCS: dict[str, Any] = {"responses": _errors(e404="There is no such recording.")}
TRANSCRIPT_DOCS: dict[str, Any] = {
    "parameters": [
        _query("from", {"type": "integer", "minimum": 0, "default": 0}, "How many segments to leave out."),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 1_000}, "Segments at most."),
        _query("words", {"type": "boolean", "default": False}, "With the times of each word."),
        _header("If-None-Match", "An ETag: 304 where nothing was edited since."),
    ],
    "responses": {"304": {"description": "Nothing was edited since."}, **_errors(e404=_NONE)},
}
EDIT_DOCS: dict[str, Any] = {
    "parameters": [_IF_MATCH],
    "requestBody": _body(
        {
            "revision": _REVISION,
            "edits": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_EDITS,
                "items": {"oneOf": [_edit_schema(kind) for kind in EDITS]},
            },
        },
        ["edits"],
    ),
    "responses": _errors(
        e400="The request is not as described.", e404=_NONE, e409=_CONFLICT,
        e422="An edit cannot be made; `detail` says which and why. Nothing was changed.",
    ),
}  # fmt: skip
UNDO_DOCS: dict[str, Any] = {
    "parameters": [_IF_MATCH],
    "requestBody": _body({"revision": _REVISION}, []),
    "responses": _errors(
        e400="The request is not as described.", e404=_NONE, e409=f"There is nothing to undo or redo. {_CONFLICT}"
    ),
}
HISTORY_DOCS: dict[str, Any] = {
    "parameters": [
        _query("before", {"type": "integer", "minimum": 1}, "Entries before this revision."),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": 1_000, "default": 100}, "Entries at most."),
    ],
    "responses": _errors(e404=_NONE),
}
CURRENT_DOCS: dict[str, Any] = {
    "requestBody": _body({"version": {"type": "integer", "description": "The number of a version."}}, ["version"]),
    "responses": _errors(e400="The request is not as described.", e404=_NONE),
}
EXPORT_DOCS: dict[str, Any] = {
    "parameters": [
        _query("format", {"type": "string", "enum": list(FORMATS), "default": "txt"}, "What kind of file."),
        _query("version", {"type": "string", "default": "current"}, "A number, or current."),
    ],
    "responses": {
        "200": {"description": "The file.", "content": {"application/octet-stream": {}}},
        **_errors(e400="There is no such format.", e404=_NONE),
    },
}
