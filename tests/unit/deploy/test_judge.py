"""Whether a new release does as well as the old one: what fails it, what does not, and when there is too little."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.ops.deploy.judge import Evidence, Probe, Traffic, judge, judge_alone
from care_voice.ops.deploy.settings import DeploySettings

SETTINGS = DeploySettings(least_probes=3, most_failed_probes=1, least_failures=3, least_requests=50, latency_ratio=1.5)
BOUNDS = (0.5, 1.0, 2.0, 4.0, math.inf)


def clips(*seconds: float, wrong: str = "", failed: int = 0) -> tuple[Probe, ...]:
    right = [Probe(each) for each in seconds]
    return (*right, *[Probe(1.0, failure="status 500")] * failed, *([Probe(1.0, wrong=wrong)] if wrong else []))


def times(*counts: int, failures: float = 0) -> Traffic:
    """Requests by the bucket that they fall into."""
    buckets = [float(sum(counts[: index + 1])) for index in range(len(counts))]
    return Traffic(sum(counts), failures, BOUNDS, tuple(buckets))


OLD = Evidence(clips(1.0, 1.1, 0.9, 1.0), times(50, 30, 15, 5, 0))


def test_one_that_does_as_well_passes() -> None:
    verdict = judge(Evidence(clips(1.2, 1.0, 1.1), times(45, 35, 15, 5, 0)), OLD, SETTINGS)
    assert (verdict.failed, verdict.passed, verdict.warm) == (False, True, True)


def test_too_few_clips_are_neither() -> None:
    verdict = judge(Evidence(clips(1.0, 1.0)), OLD, SETTINGS)
    assert (verdict.failed, verdict.passed, verdict.warm) == (False, False, False)
    verdict = judge(Evidence(clips(1.0, 1.0, 1.0)), Evidence(), SETTINGS)
    assert (verdict.failed, verdict.passed, verdict.warm) == (False, False, True)


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (Evidence(clips(1.0, 1.0, 1.0, wrong="5 of 7 known words were not recognised")), "wrong words: 5 of 7"),
        (Evidence(clips(1.0, 1.0, 1.0, failed=2)), "2 of 5 known clips failed: status 500"),
        (Evidence(clips(1.0, 1.0, 1.0), times(50, 30, 15, 5, 0, failures=4)), "4.0% of 100 requests failed"),
        (Evidence(clips(1.6, 1.6, 1.6)), "1.60 times as long"),
        (Evidence(clips(1.0, 1.0, 1.0), times(0, 10, 30, 60, 0)), "at the 95th percentile"),
    ],
    ids=["wrong words", "failed clips", "failed requests", "slow clips", "slow requests"],
)
def test_what_fails_it(new: Evidence, why: str) -> None:
    verdict = judge(new, OLD, SETTINGS)
    assert (verdict.failed, verdict.passed) == (True, False)
    assert why in verdict.why


@pytest.mark.parametrize(
    "new",
    [
        Evidence(clips(1.0, 1.0, 1.0, failed=1)),
        Evidence(clips(1.0, 1.0, 1.0), times(50, 30, 15, 5, 0, failures=2)),
        Evidence(clips(1.5, 1.5, 1.5)),
        Evidence(clips(1.0, 1.0, 1.0), times(0, 0, 0, 30, 0)),
        Evidence(clips(1.0, 1.0, 1.0), times(50, 30, 0, 0, 20)),
    ],
    ids=["one failed clip", "two failed requests", "half as long again", "few slow requests", "a slow tail alone"],
)
def test_what_does_not(new: Evidence) -> None:
    assert not judge(new, OLD, SETTINGS).failed


def test_failures_that_the_old_release_has_as_well_are_not_the_new_ones() -> None:
    failing = times(50, 30, 15, 5, 0, failures=20)
    assert not judge(Evidence(clips(1, 1, 1), failing), Evidence(clips(1, 1, 1), failing), SETTINGS).failed


def test_alone_it_is_not_measured_by_one_that_is_idle() -> None:
    busy = Evidence(clips(9.0, 9.0, 9.0), times(0, 0, 0, 0, 100))
    assert not judge_alone(busy, SETTINGS).failed
    assert judge_alone(Evidence(clips(1.0, wrong="7 of 7")), SETTINGS).failed
    assert judge_alone(Evidence((), times(10, 0, 0, 0, 0, failures=5)), SETTINGS).failed


def test_the_quantile_is_interpolated_within_its_bucket() -> None:
    traffic = times(50, 50, 0, 0, 0)
    assert traffic.quantile(0.5) == pytest.approx(0.5)
    assert traffic.quantile(0.75) == pytest.approx(0.75)
    assert times(0, 0, 0, 0, 10).quantile(0.5) == 4.0
    assert Traffic().quantile(0.5) is None


counts = st.lists(st.integers(0, 100), min_size=5, max_size=5)


@given(counts, counts)
def test_what_has_come_since_is_what_was_not_there_before(earlier: list[int], later: list[int]) -> None:
    before = times(*earlier)
    now = times(*[first + second for first, second in zip(earlier, later, strict=True)])
    assert now.since(before) == times(*later)


def test_a_service_that_was_started_again_counts_from_the_beginning() -> None:
    assert times(1, 0, 0, 0, 0).since(times(50, 0, 0, 0, 0)) == times(1, 0, 0, 0, 0)


@given(counts, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_quantiles_do_not_fall(counted: list[int], first: float, second: float) -> None:
    low, high = sorted((first, second))
    traffic = times(*counted)
    found = traffic.quantile(low), traffic.quantile(high)
    assert found == (None, None) or (found[0] or 0.0) <= (found[1] or 0.0) + 1e-9


def test_alone_a_few_failed_clips_in_an_hour_are_nothing_and_several_in_a_row_are() -> None:
    fine, failed = Probe(1.0), Probe(1.0, failure="status 503")
    assert not judge_alone(Evidence((failed, *[fine] * 60, failed, *[fine] * 60, failed)), SETTINGS).failed
    assert judge_alone(Evidence((*[fine] * 60, failed, failed)), SETTINGS).failed
