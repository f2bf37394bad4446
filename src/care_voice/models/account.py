"""Who is doing this, for the record."""

from __future__ import annotations

import getpass
import socket


def account() -> str:
    """The account and the machine, as `name@host`; a number where the account has no name, as in many containers."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        name = "unknown"
    return f"{name}@{socket.gethostname()}"
