"""The Retry-After header (RFC 9110, section 10.2.3), as clients of other servers read it."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]+")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds that the header asks to wait, be it a number or a date: infinity for hundreds of digits.

    None where it says neither.
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (when - now).total_seconds()) if when.tzinfo else None
