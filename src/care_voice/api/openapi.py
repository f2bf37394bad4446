"""OpenAPI descriptions of the form bodies, which the routes read themselves so that nothing is silently ignored."""

from __future__ import annotations

from typing import Any, get_args

from care_voice.domain.chinese import Script
from care_voice.domain.languages import LANGUAGES
from care_voice.models.progress import Phase
from care_voice.service.model_library import ModelState, SignatureState
from care_voice.service.model_operations import Kind, Starter, State
from care_voice.service.options import MAX_BEAM_SIZE, MAX_TEMPERATURES, LanguageDetection, Profile

_FILE = {"type": "string", "format": "binary", "description": "Any audio or video that FFmpeg reads."}
_LANGUAGE = {"type": "string", "enum": sorted(LANGUAGES), "description": "ISO-639-1 code; detected when left out."}
_LANGUAGES = {"type": "array", "items": _LANGUAGE, "description": "Detect among these only."}
_PROMPT = {"type": "string", "description": "Words and spelling to expect; at most 223 tokens of its end are used."}
_EXTENSIONS: dict[str, Any] = {
    "profile": {
        "type": "string",
        "enum": list(get_args(Profile)),
        "description": "Extension. Accuracy for time: fast is greedy, accurate searches more widely.",
    },
    "beam_size": {
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_BEAM_SIZE,
        "description": "Extension. Hypotheses kept in beam search; left out, the profile's.",
    },
    "temperatures": {
        "type": "array",
        "maxItems": MAX_TEMPERATURES,
        "items": {"type": "number", "minimum": 0, "maximum": 1},
        "description": "Extension. The whole ladder, rising: the next one is tried while the result looks wrong.",
    },
    "hotwords": {
        "type": "string",
        "description": "Extension. Words to favour, such as names, separated by commas; at most 223 tokens with the "
        "prompt, of which each may have half where both are long.",
    },
    "language_detection": {
        "type": "string",
        "enum": list(get_args(LanguageDetection)),
        "description": "Extension. recording detects one language for the whole, window lets it change within.",
    },
    "script": {
        "type": "string",
        "enum": list(get_args(Script)),
        "description": "Extension. How Mandarin and Cantonese are written; as_heard leaves what the model wrote.",
    },
}
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
    **_EXTENSIONS,
}
_TRANSCRIPTION: dict[str, Any] = {
    **_COMMON,
    "language": _LANGUAGE,
    "languages": _LANGUAGES,
    "keywords": {"type": "array", "items": {"type": "string"}, "description": "As hotwords, one by one."},
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
    "languages": _LANGUAGES,
    "task": {"type": "string", "enum": ["transcribe", "translate"], "default": "transcribe"},
    "prompt": _PROMPT,
    **_EXTENSIONS,
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

_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
_BYTES: dict[str, Any] = {"type": "integer", "minimum": 0, "description": "Bytes."}
_MAYBE_NUMBER: dict[str, Any] = {"type": ["number", "null"]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _choice(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


_PROBLEM = _object({
    "type": _TEXT,
    "title": _TEXT,
    "status": {"type": "integer"},
    "detail": _TEXT,
    "code": {"type": "string", "description": "Stable; docs/api.md lists them."},
    "hint": {"type": "string", "description": "What the reader can do; empty where there is nothing."},
    "param": _MAYBE_TEXT,
    "request_id": _TEXT,
})  # fmt: skip
_PROGRESS = _object({
    "phase": _choice(*get_args(Phase)),
    "file": _TEXT,
    "source": {"type": "string", "description": "Where the bytes come from; empty where no source is involved."},
    "done_bytes": _BYTES,
    "total_bytes": {**_BYTES, "description": "Bytes of the whole model; 0 while that is not known."},
    "rate_bytes_s": _MAYBE_NUMBER,
    "eta_s": {**_MAYBE_NUMBER, "description": "Seconds to the end of this phase, at the rate of the last seconds."},
})  # fmt: skip
_OPERATION = _object({
    "id": _TEXT,
    "kind": _choice(*get_args(Kind)),
    "started_by": {**_choice(*get_args(Starter)), "description": "service: it keeps whole what it serves."},
    "state": _choice(*get_args(State)),
    "cancelling": {"type": "boolean", "description": "It was asked to end, and has not yet."},
    "started_at": {"type": "string", "format": "date-time"},
    "ended_at": _TIME,
    "progress": _ref("ModelProgress"),
    "error": {"oneOf": [_ref("Problem"), {"type": "null"}]},
})  # fmt: skip
_SIGNATURE = _object({
    "state": _choice(*get_args(SignatureState)),
    "signer": _MAYBE_TEXT,
    "expires_at": _TIME,
})  # fmt: skip
_DERIVED = _object({"parent": _TEXT, "parent_digest": _TEXT, "to": _TEXT, "tool": _TEXT})
_MODEL = _object({
    "name": _TEXT,
    "state": {
        **_choice(*get_args(ModelState)),
        "description": "What is known without hashing: installed says that every file is there in its size.",
    },
    "why": {"type": "string", "description": "What is wrong with a damaged model."},
    "in_use": {"type": "boolean", "description": "The service serves it, so that it cannot be removed."},
    "runtime": {
        "type": ["string", "null"],
        "enum": ["ctranslate2", "onnxruntime", None],
        "description": "What runs it, where it is in use.",
    },
    "languages": {"type": ["string", "null"], "enum": ["multilingual", "english", None]},
    "note": {"type": "string", "description": "What it is good for, in English."},
    "licence": _TEXT,
    "format": _TEXT,
    "revision": _MAYBE_TEXT,
    "hub_repo": _MAYBE_TEXT,
    "size_bytes": _BYTES,
    "memory_bytes": {"type": ["integer", "null"], "description": "Estimated peak of a process that loads it as int8."},
    "derived": {"oneOf": [_DERIVED, {"type": "null"}], "description": "How it was made from another model."},
    "source": {"type": ["string", "null"], "description": "Where the installed files came from, joined by +."},
    "pulled_at": _TIME,
    "pulled_by": _MAYBE_TEXT,
    "verified_at": {**_TIME, "description": "When every file was hashed last."},
    "own_bytes": {**_BYTES, "description": "Bytes on disk that removing it frees."},
    "shared_bytes": {**_BYTES, "description": "Bytes on disk that other models need too."},
    "signature": _SIGNATURE,
    "operation": {
        "oneOf": [_ref("ModelOperation"), {"type": "null"}],
        "description": "What runs, else what ended last since the service started.",
    },
})  # fmt: skip
_DISK = _object({
    "blobs_bytes": {**_BYTES, "description": "Bytes of all installed models; what they share counts once."},
    "copies_bytes": {**_BYTES, "description": "Bytes of second copies, on a file system without hard links."},
    "incoming_bytes": {**_BYTES, "description": "Bytes on their way in, of pulls that run or can be gone on with."},
    "reclaimable_bytes": {**_BYTES, "description": "Bytes that no model needs any more."},
    "free_bytes": {**_BYTES, "description": "Bytes that can still be written."},
})  # fmt: skip

SCHEMAS: dict[str, Any] = {
    "OpenAIError": OPENAI_ERROR_SCHEMA,
    "Problem": _PROBLEM,
    "ModelProgress": _PROGRESS,
    "ModelOperation": _OPERATION,
    "Model": _MODEL,
    "ModelList": _object({"models": {"type": "array", "items": _ref("Model")}, "disk": _DISK}),
}
"""Named shapes, beside those that FastAPI finds by itself."""


def _answer(description: str, schema: str, media_type: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": _ref(schema)}}}


def _problem(description: str) -> dict[str, Any]:
    return _answer(description, "Problem", "application/problem+json")


_NO_MODEL = _problem("There is no such model, or it is not installed.")
_CONFLICT = _problem("Something else runs on the model, or the service serves it.")
MODELS_DOCS: dict[int | str, dict[str, Any]] = {200: _answer("All models.", "ModelList")}
MODEL_DOCS: dict[int | str, dict[str, Any]] = {200: _answer("The model.", "Model"), 404: _NO_MODEL}
OPERATION_DOCS: dict[int | str, dict[str, Any]] = {
    202: _answer("What runs now.", "ModelOperation"), 404: _NO_MODEL, 409: _CONFLICT,
}  # fmt: skip
REMOVAL_DOCS: dict[int | str, dict[str, Any]] = {404: _NO_MODEL, 409: _CONFLICT}
EVENTS_DOCS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events until the operation has ended.", "content": {"text/event-stream": {}}},
    204: {"description": "Last-Event-ID is the end of the last operation: there is nothing to follow."},
    404: _NO_MODEL,
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
