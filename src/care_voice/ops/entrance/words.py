"""How HAProxy writes things down. No I/O here."""

from __future__ import annotations


def quoted(text: str) -> str:
    """One word for HAProxy, whatever is in it."""
    return "'" + text.replace("'", "'\\''") + "'"


def milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
