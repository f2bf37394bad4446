"""Where a webhook may go. An address is checked when it is about to be connected to, not when its name is written down.

Whoever may add a webhook must not reach through it what only this machine can reach (server-side request forgery), by a
literal address, by a name that leads there, or by a name that leads there only the second time it is asked.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, quote, urlsplit

from care_voice.domain.store_errors import WebhookUrlRefused

Address = IPv4Address | IPv6Address

_LONGEST_URL = 2000
_PORTS = {"https": 443, "http": 80}
_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_UNIQUE_LOCAL = IPv6Network("fc00::/7")
_NEVER = (
    # Where machines of Amazon and Alibaba find their credentials, in networks that are private otherwise.
    IPv6Network("fd00:ec2::254/128"),
    IPv4Network("100.100.100.200/32"),
    # Not for everybody by IANA's special-purpose registries, though this Python takes them for public. Machines of
    # Oracle find their credentials in the first.
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("3fff::/20"),
)
_FIRST_PRINTED = 0x20
_LOW_32 = 0xFFFFFFFF
_SAFE_IN_TARGET = "%/:=&?~#+!$,;'@()*[]"


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint's address in its parts. `host` is in ASCII, without brackets; `path` holds the query too."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the Host header names it."""
        return _bracketed(self.host) if self.port == _PORTS[self.scheme] else f"{_bracketed(self.host)}:{self.port}"

    def at(self, address: Address) -> str:
        """The URL of one of its addresses."""
        return f"{self.scheme}://{_bracketed(str(address))}:{self.port}{self.path}"


def parsed(url: str, *, allow_private: bool) -> Target:
    """The parts of an endpoint's URL. A literal address in it is checked.

    Raises:
        WebhookUrlRefused: Nothing may be sent there.
    """
    if len(url) > _LONGEST_URL:
        raise WebhookUrlRefused(why=f"it is longer than {_LONGEST_URL} characters", param="url")
    try:
        if any(ord(each) < _FIRST_PRINTED for each in url):
            raise ValueError("it holds control characters")
        target = _target(urlsplit(url))
    except ValueError as error:
        raise WebhookUrlRefused(why=str(error), param="url") from None
    if target.scheme == "http" and not allow_private:
        raise WebhookUrlRefused(why="it must begin with https://", param="url")
    literal = _literal(target.host)
    if literal is not None:
        check(target, [literal], allow_private=allow_private)
    return target


async def resolved(target: Target) -> list[Address]:
    """The addresses of its host, in the order in which the system would try them. Raises OSError."""
    literal = _literal(target.host)
    if literal is not None:
        return [literal]
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(each[4][0]).partition("%")[0]) for each in found))


def check(target: Target, addresses: Sequence[Address], *, allow_private: bool) -> None:
    """Every address must be fit, not just one: a name that leads to both kinds is no accident.

    Raises:
        WebhookUrlRefused: It leads to where nothing may be sent.
    """
    for address in addresses:
        if not all(_is_fit(each, allow_private=allow_private) for each in _meant(address)):
            raise WebhookUrlRefused(why="it leads to an address that is not public", param="url")
        if target.scheme == "http" and _is_public(address):
            raise WebhookUrlRefused(why="a public address must begin with https://", param="url")


def _target(parts: SplitResult) -> Target:
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("it must begin with https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("it must not hold a name or a password")
    if parts.fragment:
        raise ValueError("it must end with its path or its query")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(
        parts.scheme, _ascii(parts.hostname), parts.port or _PORTS[parts.scheme], quote(path, _SAFE_IN_TARGET)
    )


def _ascii(host: str) -> str:
    if _literal(host) is not None and "%" not in host:
        return host
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ValueError("its host is not a name") from None
    if not all(each.isalnum() or each in "-._" for each in name):
        raise ValueError("its host is not a name")
    return name


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _meant(address: Address) -> tuple[Address, ...]:
    """The address, or the IPv4 address that a gateway would make of it."""
    if isinstance(address, IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (IPv4Address(int(address) & _LOW_32),)
    if address.sixtofour is not None:
        return (address, address.sixtofour)
    return (address, *(address.teredo or ()))


def _is_fit(address: Address, *, allow_private: bool) -> bool:
    if any(address in network for network in _NEVER):
        return False
    return _is_public(address) or (allow_private and _is_private(address))


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return any(_is_public(each) for each in _meant(address) if each != address)
    return address.is_global and not address.is_multicast


def _is_private(address: Address) -> bool:
    """An in-house one; not link-local, where machines in a cloud find their credentials, nor what is no host."""
    if isinstance(address, IPv6Address):
        return address.is_loopback or address in _UNIQUE_LOCAL
    no_host = address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved
    return not (no_host or address.is_global)
