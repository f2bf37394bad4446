"""OpenAPI descriptions of the routes that take recordings in."""

from __future__ import annotations

from typing import Any

from care_voice.api.openapi import WEB_DOCS

_ABOUT: dict[str, Any] = {
    "title": {"type": "string", "description": "What the library shows."},
    "tags": {"type": "array", "items": {"type": "string"}},
    "metadata": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "Kept with the recording and given back; in a form as JSON.",
    },
    "transcribe": {"type": "boolean", "default": True, "description": "Whether it is transcribed once it is complete."},
    "temperature": {"type": "number", "minimum": 0, "maximum": 1},
    "keywords": {"type": "array", "items": {"type": "string"}, "description": "As hotwords, one by one."},
}
_FORM = WEB_DOCS["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"] | _ABOUT
_JSON = {name: value for name, value in _FORM.items() if name != "file"} | {
    "filename": {"type": "string"},
    "media_type": {"type": "string", "description": "Such as audio/webm."},
}
_PROBLEM = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 255},
    "description": "The same request with the same key finds the recording of the first; kept for a week.",
}


def _header(name: str, description: str, *, required: bool = True) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "schema": {"type": "string"},
        "description": description,
    }


def _errors(**described: str) -> dict[str, Any]:
    return {name.removeprefix("e"): {"description": text, **_PROBLEM} for name, text in described.items()}


_VERSION = _header("Tus-Resumable", "1.0.0")
_LENGTH = _header("Upload-Length", "Size of the whole recording in bytes.", required=False)
_CHECKSUM = _header(
    "Upload-Checksum", "sha1, sha256 or md5 and the digest of this body in base64: kept whole or not.", required=False
)
_BYTES = {"content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}}}

CREATE_DOCS: dict[str, Any] = {
    "parameters": [_KEY],
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": _FORM}},
            "application/json": {"schema": {"type": "object", "properties": _JSON}},
        },
    },
    "responses": _errors(
        e400="A field is not valid.", e413="There is no room for it.", e422="The key was used for another request.",
        e507="The disk is full.",
    ),
}  # fmt: skip
COMPLETE_DOCS: dict[str, Any] = {
    "responses": _errors(e404="There is no such recording.", e409="A length was announced, and not all of it has come.")
}
TUS_POST_DOCS: dict[str, Any] = {
    "parameters": [
        _VERSION,
        _LENGTH,
        _header("Upload-Defer-Length", "1 where the length is not known yet.", required=False),
        _header("Upload-Metadata", "filename, filetype, title, tags, options; in base64 each.", required=False),
        _CHECKSUM,
        _KEY,
    ],
    "requestBody": _BYTES,
    "responses": _errors(
        e400="A header is not valid.", e412="Another version of tus.", e413="There is no room for it."
    ),
}
TUS_DOCS: dict[str, Any] = {
    "parameters": [_VERSION],
    "responses": _errors(e404="There is no such upload.", e409="It is complete.", e410="It has expired."),
}
PATCH_DOCS: dict[str, Any] = {
    "parameters": [_VERSION, _header("Upload-Offset", "Where these bytes belong."), _LENGTH, _CHECKSUM],
    "requestBody": {"required": True, **_BYTES},
    "responses": _errors(
        e404="There is no such upload.", e409="Another offset (see `Upload-Offset`), or somebody else has taken over.",
        e410="It has expired.", e415="The body is not application/offset+octet-stream.", e460="Wrong checksum.",
        e507="The disk is full; what was acknowledged stays.",
    ),
}  # fmt: skip
