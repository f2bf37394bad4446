"""What webhooks may be told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_SETTLING_S = 5.0


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """How events are told to other servers; see docs/webhooks.md."""

    allow_private: bool = False
    """Endpoints may be in private networks and on this machine, also over http://. Whoever may add a webhook can then
    make this service speak to servers that only it can reach. Link-local addresses are refused always."""

    ca_file: Path | None = None
    """PEM file with the certificates that are trusted for https, instead of the usual ones. TLS is always verified."""

    timeout_s: float = 20.0
    """Longest time for one try, from looking up the name to the answer's headers."""

    connect_timeout_s: float = 5.0
    """Longest time for a connection, TLS included."""

    most_at_once: int = 16
    """Deliveries that this node has in hand at a time."""

    most_per_endpoint: int = 4
    """Of these, to one endpoint, so that a slow one does not keep others waiting."""

    lease_s: float = 60.0
    """A delivery that a node took and says nothing of for so long is sent again by another. At least 5 s more than
    TIMEOUT_S."""

    poll_s: float = 5.0
    """Seconds between looks for work that no notice told of."""

    overlap_h: float = 24.0
    """Hours in which the old secret signs beside the new one after a rotation."""

    disable_after_days: float = 5.0
    """An endpoint is disabled when nothing got through for so long and all tries of a delivery are used up."""

    keep_log_days: float = 30.0
    """Deliveries are forgotten after this, sent or not."""

    def __post_init__(self) -> None:
        """Raises ValueError where a value cannot work."""
        if min(self.timeout_s, self.connect_timeout_s, self.poll_s) <= 0:
            raise ValueError("times must be above 0")
        if min(self.most_at_once, self.most_per_endpoint) < 1:
            raise ValueError("MOST_AT_ONCE and MOST_PER_ENDPOINT must be at least 1")
        if self.lease_s < self.timeout_s + _SETTLING_S:
            raise ValueError("LEASE_S must be 5 s more than TIMEOUT_S, or a slow endpoint gets everything twice")
