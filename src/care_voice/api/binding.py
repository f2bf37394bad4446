"""Where the service listens. Apart from the server, whose libraries take a while to import."""

from __future__ import annotations

import errno
import socket

from care_voice.api.settings import ApiSettings
from care_voice.domain.service_errors import CannotListen

_MAY_PASS = frozenset({errno.EADDRINUSE, errno.EADDRNOTAVAIL})


def bind(settings: ApiSettings) -> socket.socket:
    """The listening socket. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio sends small answers at once (TCP_NODELAY) on what it knows to be TCP; else each waits 40 ms for the
    # client's delayed acknowledgement.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as error:
        sock.close()
        raise cannot_listen(settings, error) from error
    return sock


def cannot_listen(settings: ApiSettings, error: OSError) -> CannotListen:
    """What the system refuses; an address that is taken may be free in a moment."""
    why, may_pass = error.strerror or str(error), error.errno in _MAY_PASS
    address, names = f"{settings.host}:{settings.port}", "CARE_VOICE_API__HOST and CARE_VOICE_API__PORT"
    return CannotListen(address=address, why=why, may_pass=may_pass, settings=names)


def url(settings: ApiSettings) -> str:
    """Where a person on this machine opens it."""
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::", "::1") else settings.host  # noqa: S104
    return f"http://{host}:{settings.port}"
