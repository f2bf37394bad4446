"""OpenAPI descriptions of the form bodies, which the routes read themselves so that nothing is silently ignored."""

from __future__ import annotations

from typing import Any

from care_voice.domain.languages import LANGUAGES

_FILE = {"type": "string", "format": "binary", "description": "Any audio or video that FFmpeg reads."}
_LANGUAGE = {"type": "string", "enum": sorted(LANGUAGES), "description": "ISO-639-1 code; detected when left out."}
_PROMPT = {"type": "string", "description": "Words and spelling to expect; at most 223 tokens of its end are used."}
_COMMON: dict[str, Any] = {
    "file": _FILE,
    "model": {"type": "string", "description": "A name from /v1/models."},
    "prompt": _PROMPT,
    "response_format": {"type": "string", "enum": ["json", "text", "srt", "verbose_json", "vtt"], "default": "json"},
    "temperature": {
        "type": "number",
        "minimum": 0,
        "maximum": 1,
        "default": 0,
        "description": "Where decoding starts; it is raised in steps of 0.2 while the result looks wrong.",
    },
}
_TRANSCRIPTION: dict[str, Any] = {
    **_COMMON,
    "language": _LANGUAGE,
    "languages": {"type": "array", "items": _LANGUAGE, "description": "Detect among these only."},
    "timestamp_granularities": {
        "type": "array",
        "items": {"type": "string", "enum": ["word", "segment"]},
        "description": "For verbose_json; segment when left out.",
    },
    "include": {"type": "array", "items": {"type": "string", "enum": ["logprobs"]}, "description": "For json."},
    "stream": {"type": "boolean", "default": False, "description": "Server-sent events, for json and text."},
    "chunking_strategy": {
        "description": "How speech is found: auto, or voice activity detection with settings of your own.",
        "oneOf": [
            {"type": "string", "enum": ["auto"]},
            {
                "type": "object",
                "required": ["type"],
                "properties": {
                    "type": {"type": "string", "enum": ["server_vad"]},
                    "threshold": {"type": "number", "minimum": 0.01, "maximum": 0.99, "default": 0.5},
                    "prefix_padding_ms": {"type": "integer", "minimum": 0, "maximum": 5000, "default": 300},
                    "silence_duration_ms": {"type": "integer", "minimum": 0, "maximum": 10000, "default": 200},
                },
            },
        ],
    },
}
_WEB: dict[str, Any] = {
    "file": _FILE,
    "model": _COMMON["model"],
    "language": _LANGUAGE,
    "task": {"type": "string", "enum": ["transcribe", "translate"], "default": "transcribe"},
    "prompt": _PROMPT,
}
_OPENAI_ERRORS: dict[str, Any] = {
    status: {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIError"}}},
    }
    for status, text in {
        "400": "A parameter is missing, wrong or not supported; `param` names it.",
        "404": "The model is not served.",
        "413": "The body or the recording is over the limit.",
        "422": "The file cannot be transcribed.",
        "503": "The service does not take work now; `Retry-After` says when to try again.",
        "504": "The request was not answered within its deadline.",
    }.items()
}

OPENAI_ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}


_HEADERS: list[dict[str, Any]] = [
    {
        "name": "X-Request-Timeout",
        "in": "header",
        "schema": {"type": "number", "exclusiveMinimum": 0},
        "description": "Seconds after which nobody waits for the answer; counted from when the recording is received.",
    },
    {
        "name": "X-Priority",
        "in": "header",
        "schema": {"type": "string", "enum": ["interactive", "bulk"], "default": "interactive"},
        "description": "bulk lets other requests go first; long recordings are bulk in any case.",
    },
]


def _form(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "required": required, "properties": properties}
    return {
        "parameters": _HEADERS,
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}},
    }


TRANSCRIPTION_DOCS = {**_form(_TRANSCRIPTION, ["file", "model"]), "responses": _OPENAI_ERRORS}
TRANSLATION_DOCS = {**_form(_COMMON, ["file", "model"]), "responses": _OPENAI_ERRORS}
WEB_DOCS = _form(_WEB, ["file"])
