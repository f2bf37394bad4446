"""What the routes of recordings, transcripts and jobs answer: named shapes, and which route has which."""

from __future__ import annotations

from typing import Any, get_args

from care_voice.domain.jobs import JobKind, JobState
from care_voice.domain.library import TRANSCRIPTIONS
from care_voice.domain.recordings import RecordingState, Source

_TEXT: dict[str, Any] = {"type": "string"}
_MAYBE_TEXT: dict[str, Any] = {"type": ["string", "null"]}
_NUMBER: dict[str, Any] = {"type": "number"}
_MAYBE_NUMBER: dict[str, Any] = {"type": ["number", "null"]}
_INTEGER: dict[str, Any] = {"type": "integer"}
_MAYBE_INTEGER: dict[str, Any] = {"type": ["integer", "null"]}
_FLAG: dict[str, Any] = {"type": "boolean"}
_TIME: dict[str, Any] = {"type": "string", "format": "date-time"}
_MAYBE_TIME: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
_ANYTHING: dict[str, Any] = {"type": "object", "additionalProperties": True}


def _object(properties: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": {**properties, **(optional or {})}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _page(name: str, following: dict[str, Any] = _MAYBE_TEXT) -> dict[str, Any]:
    return _object({"items": _many(_ref(name)), "next": following})


_RECORDING: dict[str, Any] = {
    "id": _TEXT,
    "state": {"type": "string", "enum": list(get_args(RecordingState))},
    "title": _TEXT,
    "notes": _TEXT,
    "tags": _many(_TEXT),
    "client": _TEXT,
    "source": {"type": "string", "enum": list(get_args(Source))},
    "filename": _TEXT,
    "media_type": _TEXT,
    "metadata": _ANYTHING,
    "length": {**_MAYBE_INTEGER, "description": "Bytes; null while nobody knows."},
    "received": {**_INTEGER, "description": "Bytes that are here."},
    "sha256": _MAYBE_TEXT,
    "duration_s": _MAYBE_NUMBER,
    "transcript_id": _MAYBE_TEXT,
    "legal_hold": _FLAG,
    "hold_reason": _MAYBE_TEXT,
    "version": _INTEGER,
    "created_at": _TIME,
    "updated_at": _TIME,
    "completed_at": _MAYBE_TIME,
    "expires_at": _MAYBE_TIME,
    "trashed_at": _MAYBE_TIME,
}
_ERROR = {"oneOf": [_object({"code": _TEXT}, {"message": _TEXT, "hint": _TEXT}), {"type": "null"}]}
_TRANSCRIPTION = {
    "transcription": {
        **_object(
            {
                "state": {"type": "string", "enum": list(TRANSCRIPTIONS)},
                "job_id": _MAYBE_TEXT,
                "done_s": _NUMBER,
                "total_s": _MAYBE_NUMBER,
                "error": _ERROR,
            }
        ),
        "description": "How far the newest transcription is, in seconds of sound; `none` where nobody asked for one.",
    },
}
_MATCH = _object({
    "field": _TEXT,
    "text": _TEXT,
    "ranges": {**_many(_many(_INTEGER)), "description": "Beginning and end of each word found, in characters."},
    "segment_id": _MAYBE_TEXT,
    "start_s": _MAYBE_NUMBER,
    "end_s": _MAYBE_NUMBER,
})  # fmt: skip
_SUMMARY = {
    **_object({"language": _MAYBE_TEXT, "beginning": _TEXT}),
    "description": "The current transcript in short. With `summary`.",
}
_RECEIPT = _object({
    "id": _TEXT,
    "recording_id": _TEXT,
    "deleted_at": _TIME,
    "audio_gone_at": _MAYBE_TIME,
    "who": _TEXT,
    "reason": _TEXT,
    "deleted": _object({
        "created_at": _TIME,
        "completed_at": _MAYBE_TIME,
        "audio_bytes": _INTEGER,
        "derived_bytes": _INTEGER,
        "sha256": _MAYBE_TEXT,
        "derived": {"type": "object", "additionalProperties": _TEXT},
        "rows": {"type": "object", "additionalProperties": _INTEGER},
    }),
})  # fmt: skip
_RULE = _object({
    "id": _TEXT, "scope": _TEXT, "value": _TEXT, "days": _MAYBE_NUMBER, "created_at": _TIME,
})  # fmt: skip
_FOUND_PAGE = _page("FoundRecording")
_FOUND_PAGE["properties"]["total"] = {**_object({"count": _INTEGER, "exact": _FLAG}), "description": "With `count`."}
_HEAD: dict[str, Any] = {
    "id": _TEXT,
    "recording_id": _TEXT,
    "version": _INTEGER,
    "revision": _INTEGER,
    "model": _TEXT,
    "task": _TEXT,
    "language": {**_TEXT, "description": "A code such as `zh`, as the filter of the list takes it."},
    "language_name": {**_TEXT, "description": "Its English name, in lower case."},
    "duration": {**_NUMBER, "description": "Seconds."},
    "job_id": _MAYBE_TEXT,
    "current": _FLAG,
    "created_at": _TIME,
}
_WORD = _object({"word": _TEXT, "start": _NUMBER, "end": _NUMBER, "probability": _NUMBER})
_SEGMENT = _object(
    {"id": _TEXT, "start": _NUMBER, "end": _NUMBER, "speaker": _TEXT, "text": _TEXT},
    {
        "seek": _INTEGER,
        "tokens": _many(_INTEGER),
        "temperature": _NUMBER,
        "avg_logprob": _NUMBER,
        "compression_ratio": _NUMBER,
        "no_speech_prob": _NUMBER,
        "language": _TEXT,
        "words": {**_many(_WORD), "description": "With `words=true`, and after an edit."},
    },
)
_TRANSCRIPT = {
    **_HEAD,
    "undo": _FLAG,
    "redo": _FLAG,
    "count": {**_INTEGER, "description": "Segments of the whole."},
    "segments": _many(_ref("TranscriptSegment")),
    "next": {**_MAYBE_INTEGER, "description": "What to ask for as `from`; null at the end."},
}
_ENTRY = _object({
    "revision": _INTEGER,
    "at": _TIME,
    "who": _TEXT,
    "kind": _TEXT,
    "undoes": _MAYBE_INTEGER,
    "changes": _many(_object({
        "segment": _TEXT,
        "before": {"oneOf": [_ANYTHING, {"type": "null"}]},
        "after": {"oneOf": [_ANYTHING, {"type": "null"}]},
    })),
})  # fmt: skip
_JOB = _object(
    {
        "id": _TEXT,
        "recording_id": _TEXT,
        "kind": {"type": "string", "enum": [each.value for each in JobKind]},
        "state": {"type": "string", "enum": [each.value for each in JobState]},
        "priority": {"type": "string", "enum": ["interactive", "bulk"]},
        "client": _TEXT,
        "attempt": _INTEGER,
        "cancel_requested": _FLAG,
        "progress": _object({"done_s": _NUMBER, "total_s": _MAYBE_NUMBER}),
        "error": _ERROR,
        "created_at": _TIME,
        "started_at": _MAYBE_TIME,
        "ended_at": _MAYBE_TIME,
    },
    {"model": _MAYBE_TEXT, "options": _ANYTHING},
)
_OUTCOME = _object({
    "id": _TEXT, "ok": _FLAG, "version": _MAYBE_INTEGER, "error": {"oneOf": [_ref("Problem"), {"type": "null"}]},
})  # fmt: skip
_STATUS = _object({
    "version": _TEXT,
    "ready": _FLAG,
    "state": {"type": "string", "enum": ["starting", "ready", "degraded", "draining"]},
    "reason": {"oneOf": [_object({"code": _TEXT, "message": _TEXT, "hint": _TEXT}), {"type": "null"}]},
    "stage": {"oneOf": [_object({"name": _TEXT, "detail": _TEXT, "progress": _MAYBE_NUMBER}), {"type": "null"}]},
    "model": _TEXT,
    "models": _many(_TEXT),
    "engine": {"type": "string", "enum": ["local", "remote"]},
    "profile": {"type": "string", "enum": ["fast", "balanced", "accurate"]},
    "languages": _many(_object({"code": _TEXT, "name": _TEXT})),
    "limits": _object({"max_body_bytes": _INTEGER, "max_duration_s": _NUMBER}),
})  # fmt: skip

SHAPES: dict[str, Any] = {
    "Recording": _object({**_RECORDING, **_TRANSCRIPTION}),
    "SentRecording": _object({**_RECORDING, "upload_url": _MAYBE_TEXT}),
    "FoundRecording": _object({**_RECORDING, **_TRANSCRIPTION, "matches": _many(_MATCH)}, {"summary": _SUMMARY}),
    "FoundRecordings": _FOUND_PAGE,
    "Receipt": _RECEIPT,
    "Receipts": _page("Receipt"),
    "TrashedOrReceipt": {"oneOf": [_ref("Recording"), _ref("Receipt")]},
    "Hold": _object({"recording_id": _TEXT, "legal_hold": _FLAG, "reason": _TEXT, "version": _INTEGER}),
    "Retention": _object({"trash_days": _NUMBER, "items": _many(_RULE), "next": _MAYBE_TEXT}),
    "Tag": _object({"tag": _TEXT, "count": _INTEGER}),
    "Tags": _page("Tag"),
    "BulkOutcome": _OUTCOME,
    "BulkOutcomes": _object({"items": _many(_ref("BulkOutcome"))}),
    "TranscriptHead": _object(_HEAD),
    "TranscriptHeads": _page("TranscriptHead"),
    "TranscriptSegment": _SEGMENT,
    "Transcript": _object(_TRANSCRIPT),
    "EditedTranscript": _object({**_HEAD, "changed": _many(_ref("TranscriptSegment")), "removed": _many(_TEXT)}),
    "HistoryEntry": _ENTRY,
    "History": _page("HistoryEntry", _MAYBE_INTEGER),
    "Job": _JOB,
    "Jobs": _page("Job"),
    "ServiceStatus": _STATUS,
}

_ONE = "/api/v1/recordings/{recording_id}"
_VERSION = f"{_ONE}/transcripts/{{version}}"
_ANSWERS: dict[tuple[str, str], tuple[str, ...]] = {
    ("get", "/api/v1/status"): ("ServiceStatus",),
    ("get", "/api/v1/recordings"): ("FoundRecordings",),
    ("post", "/api/v1/recordings"): ("SentRecording", "200", "201"),
    ("post", f"{_ONE}/complete"): ("SentRecording",),
    ("get", _ONE): ("Recording",),
    ("patch", _ONE): ("Recording",),
    ("delete", _ONE): ("TrashedOrReceipt",),
    ("put", f"{_ONE}/hold"): ("Hold",),
    ("delete", f"{_ONE}/hold"): ("Hold",),
    ("get", "/api/v1/retention"): ("Retention",),
    ("get", "/api/v1/receipts"): ("Receipts",),
    ("get", "/api/v1/receipts/{receipt_id}"): ("Receipt",),
    ("post", f"{_ONE}/restore"): ("Recording",),
    ("post", "/api/v1/recordings/bulk"): ("BulkOutcomes",),
    ("get", "/api/v1/tags"): ("Tags",),
    ("get", f"{_ONE}/transcripts"): ("TranscriptHeads",),
    ("put", f"{_ONE}/transcripts/current"): ("TranscriptHead",),
    ("get", _VERSION): ("Transcript",),
    ("patch", _VERSION): ("EditedTranscript",),
    ("post", f"{_VERSION}/undo"): ("EditedTranscript",),
    ("post", f"{_VERSION}/redo"): ("EditedTranscript",),
    ("get", f"{_VERSION}/history"): ("History",),
    ("post", f"{_ONE}/jobs"): ("Job", "200", "202"),
    ("get", f"{_ONE}/jobs"): ("Jobs",),
    ("get", "/api/v1/jobs/{job_id}"): ("Job",),
    ("post", "/api/v1/jobs/{job_id}/cancel"): ("Job",),
    ("post", "/api/v1/jobs/{job_id}/retry"): ("Job",),
}


def describe_answers(schema: dict[str, Any]) -> None:
    """Puts the shapes into an OpenAPI description, and says of each route what it answers."""
    schema.setdefault("components", {}).setdefault("schemas", {}).update(SHAPES)
    for (method, path), (shape, *statuses) in _ANSWERS.items():
        responses = schema["paths"][path][method]["responses"]
        for status in statuses or ["200"]:
            answer = responses.setdefault(status, {"description": "Done."})
            answer["content"] = {"application/json": {"schema": _ref(shape)}}
