"""What the entrance itself answers: problems (RFC 9457) with a stable code, which clients of OpenAI read too."""

from __future__ import annotations

import json
from dataclasses import dataclass

from care_voice.ops.entrance.words import quoted

REQUEST_ID = "txn.id"
"""The variable of HAProxy that holds the id of a request."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer of the entrance; `retry_after_s` is 0 where trying again does not help."""

    status: int
    code: str
    detail: str
    hint: str
    retry_after_s: int = 0


GENERATED = (
    Page(400, "bad_request", "The request is not valid HTTP.", "Send the request anew; look at its headers."),
    Page(
        408,
        "request_too_slow",
        "The request did not come within the time that is given for it.",
        "Send it again over a better connection, or upload in parts (POST /api/v1/uploads).",
    ),
    Page(
        500,
        "entrance_error",
        "The entrance had a failure.",
        "Send the request again; the entrance's log says more.",
    ),
    Page(
        502,
        "slot_failed",
        "The service ended before it had answered; whether it has done what was asked is not known.",
        "Look whether it was done before you send the request again.",
    ),
    Page(
        503,
        "no_slot",
        "The service does not run.",
        "It is being started again; send the request again in some seconds.",
        5,
    ),
    Page(
        504,
        "slot_too_slow",
        "The service has not answered for too long.",
        "Upload long recordings (POST /api/v1/uploads) and follow their jobs.",
    ),
)
"""In place of HAProxy's own pages."""

HIDDEN = Page(404, "not_found", "There is nothing at this address.", "GET /openapi.json lists the addresses.")
TOO_MANY_REQUESTS = Page(
    429,
    "too_many_requests",
    "Too many requests have come from this address.",
    "Send fewer requests; whoever runs the service can raise CARE_VOICE_ENTRANCE__MAX_REQUESTS_PER_ADDRESS.",
    10,
)
TOO_MANY_CONNECTIONS = Page(
    429,
    "too_many_connections",
    "Too many connections of this address are open.",
    "Close some; whoever runs the service can raise CARE_VOICE_ENTRANCE__MAX_CONNECTIONS_PER_ADDRESS.",
    5,
)
HEAD_TOO_LARGE = Page(
    431, "request_head_too_large", "The address or the headers of the request are too large.", "Send less in them."
)


def http_error(page: Page) -> str:
    """The directive that replaces HAProxy's own page."""
    return f"http-error status {page.status} {_content(page)}"


def returned(page: Page, condition: str) -> str:
    """The rule that answers where `condition` holds."""
    return f"http-request return status {page.status} {_content(page)} if {condition}"


def _content(page: Page) -> str:
    headers = {
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Request-ID": f"%[var({REQUEST_ID})]",
    }
    if page.retry_after_s:
        headers["Retry-After"] = str(page.retry_after_s)
    shown = " ".join(f"hdr {name} {value}" for name, value in headers.items())
    return f"content-type application/problem+json lf-string {quoted(_body(page))} {shown}"


def _body(page: Page) -> str:
    message = f"{page.detail} {page.hint}"
    kind = "invalid_request_error" if page.status < 500 else "server_error"
    value = {
        "type": "about:blank",
        "title": page.code.replace("_", " "),
        "status": page.status,
        "detail": page.detail,
        "code": page.code,
        "hint": page.hint,
        "param": None,
        "request_id": f"%[var({REQUEST_ID})]",
        "error": {"message": message, "type": kind, "param": None, "code": page.code},
    }
    return json.dumps(value)
