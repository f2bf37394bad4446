"""Network addresses, as far as the standard library knows them."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_this_machine(host: str) -> bool:
    """Whether what is sent to `host` stays on this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_server_url(url: str, *, allow_plaintext: bool, name: str, credentials: str, permit: str) -> None:
    """Raise ValueError where recordings sent to `url` could go astray or be read on their way.

    `name` is the setting that holds the URL, `credentials` where a password belongs instead, `permit` the setting that
    allows http:// to another machine.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{name} must begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{name} must not hold a name or a password; use {credentials}")
    if parts.query or parts.fragment:
        raise ValueError(f"{name} must end with its path")
    if parts.scheme == "http" and not is_this_machine(parts.hostname) and not allow_plaintext:
        raise ValueError(f"recordings would travel in clear to another machine; use https://, or set {permit}")
