"""Who runs the service: a request straight from this machine, or one with the operator's token.

What came through a proxy is from whoever the proxy speaks for, and that may be anyone, although the connection is the
machine's own. So a request that says that it was forwarded counts by its token alone.
"""

from __future__ import annotations

import hmac
import os
import secrets
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

import structlog
from fastapi import Request

from care_voice.domain.errors import OperatorOnly

log = structlog.get_logger(__name__)

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
_SCHEME = "bearer "
_BYTES = 32


class Operators:
    """Tells operators from all others. Where there is no token, this machine alone counts."""

    def __init__(self, token: str = "") -> None:
        self._token = token.encode()

    def is_one(self, request: Request) -> bool:
        """Whether whoever sent this runs the service."""
        return self._has_token(request) or _is_from_here(request)

    def require(self, request: Request) -> None:
        """Raises OperatorOnly for anybody else."""
        if not self.is_one(request):
            raise OperatorOnly

    def _has_token(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if not self._token or given[: len(_SCHEME)].lower() != _SCHEME:
            return False
        return hmac.compare_digest(given[len(_SCHEME) :].strip().encode(), self._token)


def operator_token(given: str, path: Path) -> str:
    """The token of the settings, else the one in a file, which is made for this user alone where it is missing.

    Blocks. Empty where the file can be neither read nor made: then nobody has one.
    """
    if given:
        return given
    try:
        with suppress(FileExistsError):
            _make(path)
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        log.warning("operator_token_missing", path=str(path), why=str(error))
        return ""


def _make(path: Path) -> None:
    """Whole or not at all, also where two services begin together. Raises FileExistsError, OSError."""
    if path.exists():
        raise FileExistsError
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_urlsafe(_BYTES)}\n")
        os.link(temporary, path)
    finally:
        temporary.unlink()


def _is_from_here(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.client.host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
