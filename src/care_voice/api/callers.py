"""Who sent a request, and how urgent it is: what the scheduler shares work by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from fastapi import Request

from care_voice.api.context import request_id
from care_voice.domain.errors import InvalidParameter
from care_voice.scheduler.work import Caller

TIMEOUT_HEADER = "X-Request-Timeout"
PRIORITY_HEADER = "X-Priority"
_PRIORITIES = ("interactive", "bulk")


def caller_of(request: Request, trusted_proxies: Sequence[str]) -> Caller:
    """The client of a request: its API key, else its address, else the request alone.

    Raises:
        InvalidParameter: X-Request-Timeout or X-Priority is not valid.
    """
    key = request.headers.get("authorization")
    # A digest, so that no key is held or logged.
    client = f"key:{hashlib.sha256(key.encode()).hexdigest()[:16]}" if key else _address(request, trusted_proxies)
    return Caller(client or f"request:{request_id.get()}", _priority(request) == "bulk", _timeout_s(request))


def _address(request: Request, trusted_proxies: Sequence[str]) -> str | None:
    """The last address that no trusted proxy vouches for: what stands before it anyone could have written."""
    if request.client is None:
        return None
    forwarded = [part.strip() for part in request.headers.get("x-forwarded-for", "").split(",") if part.strip()]
    hops = [*forwarded, request.client.host]
    while len(hops) > 1 and _is_trusted(hops[-1], trusted_proxies):
        hops.pop()
    return f"address:{hops[-1][:64]}"


def _is_trusted(address: str, proxies: Sequence[str]) -> bool:
    try:
        host = ip_address(address)
    except ValueError:
        return False
    return any(host in ip_network(proxy, strict=False) for proxy in proxies)


def _priority(request: Request) -> str:
    value = request.headers.get(PRIORITY_HEADER, "interactive")
    if value not in _PRIORITIES:
        raise InvalidParameter(param=PRIORITY_HEADER, why=f"'{value[:40]}' is not one of {', '.join(_PRIORITIES)}")
    return value


def _timeout_s(request: Request) -> float | None:
    value = request.headers.get(TIMEOUT_HEADER)
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        raise InvalidParameter(param=TIMEOUT_HEADER, why=f"'{value[:40]}' is not a number of seconds") from None
    if not 0 < seconds < float("inf"):
        raise InvalidParameter(param=TIMEOUT_HEADER, why="it must be more than 0")
    return seconds
