"""What the entrance and a slot's own metrics say of the requests that it got. Pure."""

from __future__ import annotations

import math

from prometheus_client.parser import text_string_to_metric_families

from care_voice.ops.deploy.judge import Traffic
from care_voice.ops.entrance.stats import ServerStats

_FAMILY = "care_voice_http_request_duration_seconds"
_TIMED_ROUTE = "/v1/audio/transcriptions"
"""What is asked of every release alike and takes the time that users wait for; streams and uploads take as long as
those who send them."""


def traffic_of(stats: ServerStats, metrics: str) -> Traffic:
    """Requests and failures as the entrance has counted them; times from the text exposition of a service's metrics.

    Raises:
        ValueError: It is no such text.
    """
    buckets = _buckets(metrics)
    bounds = tuple(sorted(buckets))
    return Traffic(stats.requests, stats.failures, bounds, tuple(buckets[bound] for bound in bounds))


def _buckets(metrics: str) -> dict[float, float]:
    found = dict[float, float]()
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples if family.name == _FAMILY else ():
            if sample.name == f"{_FAMILY}_bucket" and sample.labels.get("route") == _TIMED_ROUTE:
                bound = math.inf if sample.labels["le"] == "+Inf" else float(sample.labels["le"])
                found[bound] = found.get(bound, 0.0) + sample.value
    return found
