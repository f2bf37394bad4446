"""What the HTTP server may be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where it listens and what it accepts."""

    host: str = "127.0.0.1"
    """Address to listen on. Only this machine by default: there is no login yet, and recordings are private."""

    port: int = 3000
    """TCP port; 0 for any that is free."""

    allowed_hosts: tuple[str, ...] = ()
    """Names besides localhost and IP addresses that clients may use for it, separated by commas. Others are refused, so
    that no site can make a name of its own point at this machine and read what is answered."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks (10.0.0.0/8) of proxies whose X-Forwarded-For is believed, separated by commas. It tells
    clients apart, between whom the work is shared fairly."""

    operator_token: str = field(default="", repr=False)
    """What whoever runs the service sends as `Authorization: Bearer TOKEN` to see health and metrics in full from
    another machine. Empty for the one in `operator.token` in the data directory, which is made at the first start."""

    max_body_bytes: int = 2 * 1024**3
    """Largest request body; about 6 hours of recorded WAV at 48 kHz mono."""

    model_aliases: dict[str, str] = field(default_factory=lambda: {"whisper-1": ""})
    """Other names that clients may use for a model; an empty value stands for the model that is served. Clients of the
    OpenAI API send whisper-1."""

    keep_alive_s: float = 15.0
    """A comment is sent this often on an event stream that is silent, so that proxies keep it open."""

    max_followers: int = 2000
    """Event streams of recordings that are open at a time; more are refused with 503 until others end."""

    def __post_init__(self) -> None:
        """Raises ValueError where a value is out of range, or a trusted proxy is not an address or a network."""
        if not 0 <= self.port <= _LAST_PORT:
            raise ValueError(f"PORT must be between 0 and {_LAST_PORT}")
        if self.max_followers < 1:
            raise ValueError("MAX_FOLLOWERS must be at least 1")
        for proxy in self.trusted_proxies:
            ip_network(proxy, strict=False)
