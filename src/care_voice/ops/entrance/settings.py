"""What can be set of the entrance, and what it is called."""

from __future__ import annotations

from dataclasses import dataclass, fields
from ipaddress import ip_network
from typing import Final, Literal

SlotName = Literal["blue", "green"]
SLOTS: Final[tuple[SlotName, ...]] = ("blue", "green")


@dataclass(frozen=True, slots=True)
class EntranceSettings:
    """The one entrance before the two slots of the service: HAProxy."""

    enabled: bool = True
    """Whether a start uses it where HAProxy is there; without it the service listens on its port itself."""

    haproxy: str = "haproxy"
    """The program, 2.6 or newer."""

    host: str = ""
    """Address on which it is reached; empty for CARE_VOICE_API__HOST, which is where the service is reached without an
    entrance."""

    port: int = 0
    """TCP port on which it is reached, by TLS where there is a certificate; 0 for CARE_VOICE_API__PORT."""

    certificate: str = ""
    """A PEM file with the certificate, what leads from it to an authority, and the private key. Read anew at a
    reload."""

    http_port: int = 0
    """With a certificate: a port that sends browsers which come without TLS to the one with it. 0 for none."""

    blue_port: int = 3001
    """Port of the slot blue on this machine."""

    green_port: int = 3002
    """Port of the slot green on this machine."""

    metrics_port: int = 3003
    """Port at which HAProxy tells its own metrics, at /metrics. 0 for none."""

    metrics_host: str = "127.0.0.1"
    """Address of that port: of this machine alone, since it tells how busy the service is."""

    threads: int = 2
    """Threads of HAProxy; it passes on what others compute."""

    max_connections: int = 2000
    """Connections of clients at a time; more wait until others end. Each may take four file descriptors."""

    max_connections_per_address: int = 1000
    """Connections of one address at a time; requests on more are answered with 429, and twice as many are refused.
    0 for no limit. A company behind one address has a few for each of its browsers."""

    max_requests_per_address: int = 5000
    """Requests of one address in ten seconds; more are answered with 429. 0 for no limit."""

    max_header_bytes: int = 32 * 1024
    """Largest head of a request; more is answered with 431."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies before the entrance, separated by commas. The last address in their
    X-Forwarded-For is taken for the client's, and their X-Forwarded-Proto is kept; anybody else's are replaced."""

    head_s: float = 10.0
    """Seconds in which the head of a request must be there, so that slow ones cannot hold all connections."""

    body_s: float = 120.0
    """Seconds in which a body must be there that is kept to be sent again; larger ones are passed on as they come."""

    idle_s: float = 60.0
    """Seconds without a byte from a client that is to send, and between two requests on a connection."""

    connect_s: float = 2.0
    """Seconds in which a slot must accept a connection."""

    answer_s: float = 3600.0
    """Seconds without a byte from a slot before its answer is given up. An answer without `stream` to hours of speech
    is computed for as long; a slot that hangs is found by its health check, not by this."""

    tunnel_s: float = 3600.0
    """Seconds without a byte in either direction before a WebSocket is closed."""

    wait_s: float = 15.0
    """Seconds for which requests wait at the door while no slot accepts connections, as when the only one restarts."""

    hard_stop_s: float = 600.0
    """Seconds after a reload at which what still runs through the old process is cut, such as WebSockets."""

    @property
    def ports(self) -> dict[SlotName, int]:
        """Where each slot listens on this machine."""
        return {"blue": self.blue_port, "green": self.green_port}

    def __post_init__(self) -> None:
        """Raises ValueError."""
        for each in fields(self):
            if each.name.endswith("_s") and not 0 < getattr(self, each.name) <= _LONGEST_S:
                raise ValueError(f"{each.name.upper()} must be more than 0 and at most {_LONGEST_S}")
        if self.threads < 1 or self.max_connections < 1:
            raise ValueError("THREADS and MAX_CONNECTIONS must be at least 1")
        ports = [
            port for port in (self.port, self.http_port, self.blue_port, self.green_port, self.metrics_port) if port
        ]
        if len(set(ports)) < len(ports):
            raise ValueError("each port must be another one")
        for proxy in self.trusted_proxies:
            ip_network(proxy, strict=False)


_LONGEST_S = 86_400
