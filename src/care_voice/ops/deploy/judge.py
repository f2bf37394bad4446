"""Whether a new release does as well as the old one. Pure.

Two kinds of evidence are compared over the same time: known clips that are sent to both by turns, whose words are known
and whose times lie side by side; and the requests of users, as both services and the entrance count them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from care_voice.ops.deploy.settings import DeploySettings

_P95 = 0.95


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says so far. Neither `failed` nor `passed`: there is too little of it. `warm`: enough known
    clips were answered rightly to give the release a share of the traffic."""

    failed: bool = False
    passed: bool = False
    warm: bool = False
    why: str = "nothing was measured yet"


@dataclass(frozen=True, slots=True)
class Probe:
    """A known clip that was sent to a release: seconds until the answer; `wrong` says which words were, `failure` why
    there was no answer."""

    seconds: float
    wrong: str = ""
    failure: str = ""

    @property
    def right(self) -> bool:
        return not self.wrong and not self.failure


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of users to one release, as the entrance counts them. `buckets` are the service's own times: cumulative
    counts up to each of `bounds` in seconds, as a Prometheus histogram has them; the last bound is infinity."""

    requests: float = 0.0
    failures: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: tuple[float, ...] = ()

    def since(self, earlier: Traffic) -> Traffic:
        """What has come since; all of it where the entrance or the service was started again and counts anew."""
        counts = self.requests, self.failures
        if self.requests >= earlier.requests and self.failures >= earlier.failures:
            counts = self.requests - earlier.requests, self.failures - earlier.failures
        buckets = self.buckets
        if self.bounds == earlier.bounds and all(
            now >= then for now, then in zip(buckets, earlier.buckets, strict=True)
        ):
            buckets = tuple(now - then for now, then in zip(buckets, earlier.buckets, strict=True))
        return Traffic(*counts, self.bounds, buckets)

    def plus(self, later: Traffic) -> Traffic:
        """Both together; the times of the later one alone where the service sorts them otherwise than before."""
        requests, failures = self.requests + later.requests, self.failures + later.failures
        if not later.bounds:
            return Traffic(requests, failures, self.bounds, self.buckets)
        if self.bounds != later.bounds:
            return Traffic(requests, failures, later.bounds, later.buckets)
        buckets = tuple(one + other for one, other in zip(self.buckets, later.buckets, strict=True))
        return Traffic(requests, failures, self.bounds, buckets)

    @property
    def failure_rate(self) -> float:
        """Failures for each request; 0 where there was none."""
        return self.failures / max(self.requests, self.failures, 1.0)

    def quantile(self, share: float) -> float | None:
        """Seconds within which this share of the requests was answered, interpolated within its bucket as Prometheus
        does (`histogram_quantile`); None without any. The highest finite bound where it lies above."""
        if not self.buckets or self.buckets[-1] <= 0:
            return None
        rank = share * self.buckets[-1]
        index = bisect_left(self.buckets, rank)
        if index >= len(self.bounds) - 1:
            return self.bounds[-2] if len(self.bounds) > 1 else None
        low, before = (self.bounds[index - 1], self.buckets[index - 1]) if index > 0 else (0.0, 0.0)
        return low + (self.bounds[index] - low) * (rank - before) / (self.buckets[index] - before)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one release, since the share began."""

    probes: Sequence[Probe] = ()
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def right(self) -> list[float]:
        """Seconds of the clips that were answered rightly."""
        return [probe.seconds for probe in self.probes if probe.right]

    @property
    def failed_probes(self) -> list[Probe]:
        return [probe for probe in self.probes if probe.failure]


def judge(new: Evidence, old: Evidence, settings: DeploySettings) -> Verdict:
    """Compare a new release with the old one."""
    refusal = _wrong(new, settings) or _failing(new.traffic, old.traffic, settings) or _slow(new, old, settings)
    if refusal:
        return Verdict(failed=True, why=refusal)
    enough = min(len(new.right), len(old.right)) >= settings.least_probes
    warm = len(new.right) >= settings.least_probes
    return Verdict(passed=enough, warm=warm, why=_summary(new, old))


def judge_alone(new: Evidence, settings: DeploySettings) -> Verdict:
    """Whether a release that has all traffic still works. It is compared with nothing: the old one is idle."""
    refusal = _wrong(_latest(new, settings), settings) or _failing(new.traffic, Traffic(), settings)
    return Verdict(failed=bool(refusal), why=refusal or _summary(new, Evidence()))


def _latest(new: Evidence, settings: DeploySettings) -> Evidence:
    """The last clips alone: over an hour a few fail for one who is busy at that moment."""
    return Evidence(tuple(new.probes)[-max(settings.least_probes, settings.most_failed_probes + 1) :], new.traffic)


def _wrong(new: Evidence, settings: DeploySettings) -> str:
    wrong = next((probe.wrong for probe in new.probes if probe.wrong), "")
    if wrong:
        return f"wrong words: {wrong}"
    failed = new.failed_probes
    if len(failed) > settings.most_failed_probes:
        return f"{len(failed)} of {len(new.probes)} known clips failed: {failed[-1].failure}"
    return ""


def _failing(new: Traffic, old: Traffic, settings: DeploySettings) -> str:
    if new.failures < settings.least_failures:
        return ""
    if new.failure_rate <= old.failure_rate + settings.error_rate_margin:
        return ""
    share, instead = f"{new.failure_rate:.1%} of {new.requests:.0f} requests failed", f"{old.failure_rate:.1%}"
    return f"{share}, {instead} of the old release's" if old.requests else share


def _slow(new: Evidence, old: Evidence, settings: DeploySettings) -> str:
    if min(len(new.right), len(old.right)) >= settings.least_probes:
        ratio = median(new.right) / median(old.right)
        if ratio > settings.latency_ratio:
            return f"slow: the known clip takes {ratio:.2f} times as long as with the old release"
    if min(new.traffic.requests, old.traffic.requests) >= settings.least_requests:
        middle, high = (_ratio(new.traffic, old.traffic, share) for share in (0.5, _P95))
        # A few long recordings move one of the two; a release that is slow moves both.
        if min(middle, high) > settings.latency_ratio:
            return f"slow: requests take {high:.2f} times as long at the 95th percentile as with the old release"
    return ""


def _ratio(new: Traffic, old: Traffic, share: float) -> float:
    """Of the times within which a share of the requests was answered; 0 where one of them is not known."""
    new_s, old_s = new.quantile(share), old.quantile(share)
    return new_s / old_s if new_s and old_s else 0.0


def _summary(new: Evidence, old: Evidence) -> str:
    clips = f"{len(new.right)} of {len(new.probes)} known clips right"
    if new.right and old.right:
        clips += f", {median(new.right) / median(old.right):.2f} times the old release's time"
    return f"{clips}; {new.traffic.failures:.0f} of {new.traffic.requests:.0f} requests failed"
