"""Errors as answers. The one place where an error gets an HTTP status, in the two shapes that clients read."""

from __future__ import annotations

import structlog
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from care_voice.api.context import request_id
from care_voice.domain import deploy_errors, errors, model_errors, service_errors, store_errors

log = structlog.get_logger(__name__)

_ADDRESSES = "GET /openapi.json lists the addresses."

_STATUS: list[tuple[type[errors.CareVoiceError], int]] = [
    (errors.UnknownModel, 404),
    (model_errors.UnknownCatalogueModel, 404),
    (model_errors.ModelNotInstalled, 404),
    (errors.ModelInUse, 409),
    (errors.ModelBusy, 409),
    (errors.BodyTooLarge, 413),
    (errors.OperatorOnly, 401),
    (errors.ForeignOrigin, 403),
    (errors.ForeignHost, 421),
    (errors.MediaTooLong, 413),
    (store_errors.NotFound, 404),
    (store_errors.OffsetConflict, 409),
    (store_errors.AppendConflict, 409),
    (store_errors.RecordingComplete, 409),
    (store_errors.RecordingIncomplete, 409),
    (store_errors.EditConflict, 409),
    (store_errors.NothingToUndo, 409),
    (store_errors.JobNotActive, 409),
    (store_errors.LegalHold, 409),
    (store_errors.LeaseLost, 409),
    (store_errors.UploadStalled, 408),
    (store_errors.UploadExpired, 410),
    (store_errors.UnsupportedTusVersion, 412),
    (store_errors.UnsupportedContentType, 415),
    (store_errors.VersionConflict, 412),
    (store_errors.RecordingTooLarge, 413),
    (store_errors.QuotaExceeded, 413),
    (store_errors.EditInvalid, 422),
    (store_errors.RangeNotSatisfiable, 416),
    (store_errors.IdempotencyMismatch, 422),
    (store_errors.WebhookUrlRefused, 422),
    (store_errors.ChecksumMismatch, 460),
    (errors.MediaError, 422),
    (errors.RequestError, 400),
    (service_errors.WindowQuarantined, 422),
    (service_errors.RemoteRefused, 422),
    (service_errors.RemoteMisconfigured, 502),
    (service_errors.WorkerFailed, 500),
    (store_errors.JobGaveUp, 500),
    (store_errors.AudioMissing, 500),
    (store_errors.BackupInvalid, 422),
    (store_errors.TargetNotEmpty, 409),
    (store_errors.ServiceRunning, 409),
    (store_errors.StoreError, 503),
    (service_errors.StorageFull, 507),
    (service_errors.StorageLow, 507),
    (service_errors.DeadlineExceeded, 504),
    (service_errors.ServiceError, 503),
    (model_errors.BundleInvalid, 422),
    (model_errors.DecryptionFailed, 422),
    (model_errors.PinConflict, 422),
    (model_errors.ModelError, 503),
    (deploy_errors.DeployError, 503),
]
"""First match wins, so the special stands before the general. A file's fault is 422, never a 500."""

_DEFAULT_RETRY_AFTER_S = 5


class InternalError(errors.CareVoiceError):
    """An unexpected error happened; the request id leads to it in the log."""

    code = "internal_error"


def status_of(error: errors.CareVoiceError) -> int:
    """The HTTP status of an error."""
    return next((status for cls, status in _STATUS if isinstance(error, cls)), 500)


def headers_of(error: errors.CareVoiceError, status: int | None = None) -> dict[str, str]:
    """`Retry-After` in seconds where trying again can help, which is with a 503; how much there is where a range of it
    could not be given; how to say who one is. `status` is what is answered, where it is not the error's own."""
    if isinstance(error, store_errors.RangeNotSatisfiable):
        return {"Content-Range": f"bytes */{error.fields['size']}"}
    if isinstance(error, errors.OperatorOnly):
        return {"WWW-Authenticate": "Bearer"}
    if (status or status_of(error)) != 503:
        return {}
    return {"Retry-After": str(error.fields.get("retry_after_s", _DEFAULT_RETRY_AFTER_S))}


def openai_body(error: errors.CareVoiceError) -> dict[str, object]:
    """The error as the OpenAI API words it: `message`, `type`, `param` and `code`, all four present."""
    status = status_of(error)
    kind = "invalid_request_error" if status < 500 else "server_error"
    message = f"{error.message} {error.advice}".strip()
    return {"error": {"message": message, "type": kind, "param": error.param, "code": error.code}}


def problem_body(error: errors.CareVoiceError) -> dict[str, object]:
    """The error as RFC 9457 words it, with our stable `code`, a `hint` and the request id."""
    return {
        "type": "about:blank",
        "title": error.code.replace("_", " "),
        "status": status_of(error),
        "detail": error.message,
        "code": error.code,
        "hint": error.advice,
        "param": error.param,
        "request_id": request_id.get(),
    }


def error_response(error: errors.CareVoiceError, path: str) -> JSONResponse:
    """The answer for an error: OpenAI's shape below /v1, a problem elsewhere."""
    status, headers = status_of(error), headers_of(error)
    level = log.error if status >= 500 and status != 503 else log.info
    level("request_refused", code=error.code, status=status)
    if is_openai(path):
        return JSONResponse(openai_body(error), status, headers)
    return JSONResponse(problem_body(error), status, headers, media_type="application/problem+json")


def http_error_response(error: HTTPException, path: str) -> JSONResponse:
    """The answer for an address or a method that does not exist."""
    headers = dict(error.headers or {})
    code, detail, hint = _in_words(error, headers)
    if is_openai(path):
        message = f"{detail} {hint}".strip()
        body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
        return JSONResponse(body, error.status_code, headers)
    problem = {"type": "about:blank", "title": code.replace("_", " "), "status": error.status_code, "detail": detail,
               "code": code, "hint": hint, "param": None, "request_id": request_id.get()}  # fmt: skip
    return JSONResponse(problem, error.status_code, headers, media_type="application/problem+json")


def _in_words(error: HTTPException, headers: dict[str, str]) -> tuple[str, str, str]:
    """The code, what is wrong and what to do; the entrance says the same of an address that it hides."""
    if error.status_code == 404:
        return "not_found", "There is nothing at this address.", _ADDRESSES
    if error.status_code == 405:
        allowed = next((value for name, value in headers.items() if name.lower() == "allow"), "")
        taken = f"It takes {allowed}." if allowed else ""
        return "method_not_allowed", "This address does not take this method.", taken or _ADDRESSES
    return "http_error", str(error.detail), ""


def is_openai(path: str) -> bool:
    return path.startswith("/v1/")
