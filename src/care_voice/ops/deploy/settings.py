"""What a rollout may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DeploySettings:
    """How the service is moved to another release."""

    host: Literal["process", "container"] = "process"
    """What a slot is: a process of an installation on this machine, or a container of an image."""

    runtime: str = "podman"
    """Program that runs containers: podman or docker."""

    image: str = ""
    """Image of the first slot; later ones are named with `care-voice deploy start IMAGE`."""

    volume: str = "care-voice"
    """Volume, or directory of user 10001, for the data that containers share."""

    container_options: tuple[str, ...] = ()
    """Further options of `podman run`, separated by commas: --memory=3g,--device=nvidia.com/gpu=all."""

    prefix: str = "care-voice"
    """Containers are called PREFIX-blue and PREFIX-green."""

    steps: tuple[str, ...] = ("5", "25", "50")
    """Shares of the traffic in percent, separated by commas, that the new release gets one after the other before it
    gets all of it."""

    step_s: float = 30.0
    """Each share is held for at least this long."""

    step_max_s: float = 600.0
    """A share at which too little was measured to judge by is given up after this, and the release is taken back."""

    ready_timeout_s: float = 600.0
    """The new release must be ready within this; it may have to pull a model first."""

    drain_s: float = 60.0
    """How long a slot that gets no more traffic may go on with requests and streams that it has."""

    keep_s: float = 3600.0
    """The old release is kept running beside the new one for this long, without traffic, for an instant way back."""

    probe_every_s: float = 5.0
    """How often a known clip is sent to both releases while they are compared."""

    probe_timeout_s: float = 30.0
    """A known clip that is not answered within this has failed."""

    least_probes: int = 4
    """Known clips that both releases must have answered at each share."""

    most_failed_probes: int = 1
    """More failed clips than this at one share take the release back. Wrong words do so at once."""

    least_failures: int = 3
    """Failed requests of the new release from which on their rate is looked at."""

    error_rate_margin: float = 0.01
    """The new release's rate of failures may be above the old one's by this."""

    latency_ratio: float = 1.5
    """It may take this many times as long as the old one: for the known clip at the median, for requests at the
    median and at the 95th percentile."""

    least_requests: int = 50
    """Requests of each release from which on their 95th percentiles are compared."""

    hang_s: float = 10.0
    """A slot whose event loop has not answered for this long is killed and started again."""

    def __post_init__(self) -> None:
        """Raises ValueError where a number makes no sense."""
        parse_steps(self.steps)
        if min(self.step_s, self.drain_s, self.keep_s) < 0 or self.latency_ratio <= 1 or self.error_rate_margin < 0:
            raise ValueError("times must not be negative, LATENCY_RATIO more than 1, ERROR_RATE_MARGIN at least 0")
        if not (self.probe_every_s > 0 and self.probe_timeout_s > 0 and self.hang_s >= 1 and self.least_probes >= 1):
            raise ValueError(
                "PROBE_EVERY_S and PROBE_TIMEOUT_S must be more than 0, HANG_S and LEAST_PROBES at least 1"
            )
        if self.step_max_s < self.step_s + self.probe_every_s * self.least_probes:
            raise ValueError("STEP_MAX_S must leave time for STEP_S and for LEAST_PROBES probes")


def parse_steps(texts: tuple[str, ...]) -> tuple[int, ...]:
    """Shares in percent, rising. Raises ValueError."""
    try:
        steps = tuple(int(text) for text in texts)
    except ValueError:
        raise ValueError(f"STEPS must be whole numbers of percent, not {','.join(texts)[:60]}") from None
    if list(steps) != sorted(set(steps)) or any(not 0 < step < 100 for step in steps):
        raise ValueError("STEPS must rise, each more than 0 and less than 100")
    return steps
