"""The id of the request in hand."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")

_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{1,128}")


def choose_request_id(offered: str | None) -> str:
    """The caller's own id where it is safe to log, else a new one."""
    return offered if offered and _ACCEPTED.fullmatch(offered) else uuid.uuid4().hex
