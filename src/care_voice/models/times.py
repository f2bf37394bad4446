"""The time as it is written down."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
