"""The meter never says more than it was told, and no clock of its own can confuse it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.models.progress import Meter, Phase, Progress

MB = 1_000_000
phases = st.sampled_from(["resolving", "downloading", "verifying", "publishing", "copying"])
events = st.builds(
    lambda phase, file, done, total: Progress(phase, file, done, total, "s"),
    phases,
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
)


def downloading(file: str, done: int, total: int) -> Progress:
    return Progress("downloading", file, done, total, "hub")


def wanted(file: str, total: int) -> Progress:
    return Progress("resolving", file, 0, total, "")


@given(st.integers(0, 10**12), st.lists(st.tuples(events, st.floats(0, 100)), max_size=40), st.floats(0, 100))
def test_whatever_it_is_told_it_says_nothing_absurd(
    total: int, told: list[tuple[Progress, float]], later: float
) -> None:
    meter, now = Meter(total), 0.0
    for event, passed in told:
        now += passed
        meter.feed(event, now)
        shown = meter.snapshot(now + later)
        assert (shown.phase, shown.file, shown.source) == (event.phase, event.file, event.source)
        assert 0 <= shown.done_bytes <= shown.total_bytes
        assert shown.rate_bytes_s is None or shown.rate_bytes_s > 0
        assert (shown.eta_s is None) == (shown.rate_bytes_s is None)
        assert shown.eta_s is None or shown.eta_s >= 0


@given(st.lists(st.integers(1, 50 * MB), min_size=1, max_size=8), st.integers(1, 50 * MB))
def test_the_bytes_of_all_files_add_up(sizes: list[int], step: int) -> None:
    meter = Meter(sum(sizes))
    for number, size in enumerate(sizes):
        for done in (0, min(step, size), size):
            meter.feed(downloading(f"file-{number}", done, size), 0.0)
    shown = meter.snapshot(0.0)
    assert (shown.done_bytes, shown.total_bytes) == (sum(sizes), sum(sizes))


@given(st.integers(1, 1000), st.integers(3, 60))
def test_a_steady_download_has_a_steady_rate_and_ends_when_it_says(rate: int, seconds: int) -> None:
    meter, total = Meter(rate * 100), rate * 100
    for second in range(seconds):
        meter.feed(downloading("model.bin", rate * second, total), float(second))
    shown = meter.snapshot(float(seconds - 1))
    assert shown.rate_bytes_s == pytest.approx(rate)
    assert shown.eta_s == pytest.approx(100 - seconds + 1)


def test_the_rate_follows_what_the_line_does_now() -> None:
    meter = Meter(1000 * MB)
    for second in range(60):
        meter.feed(downloading("model.bin", second * MB, 1000 * MB), float(second))
    for second in range(60, 70):
        meter.feed(downloading("model.bin", (59 + (second - 59) * 10) * MB, 1000 * MB), float(second))
    assert meter.snapshot(69.0).rate_bytes_s == pytest.approx(10 * MB)


def test_the_rate_sinks_while_nothing_comes_and_the_end_moves_away() -> None:
    meter = Meter(100 * MB)
    for second in range(5):
        meter.feed(downloading("model.bin", second * MB, 100 * MB), float(second))
    rates = [meter.snapshot(now).rate_bytes_s or 0.0 for now in (4.0, 8.0, 16.0)]
    assert rates == sorted(rates, reverse=True)
    assert meter.snapshot(16.0).eta_s == pytest.approx(96 * 4)


def test_bytes_of_an_earlier_pull_count_as_done_but_not_as_fast() -> None:
    meter = Meter(100 * MB)
    meter.feed(downloading("model.bin", 90 * MB, 100 * MB), 0.0)
    meter.feed(downloading("model.bin", 91 * MB, 100 * MB), 1.0)
    shown = meter.snapshot(1.0)
    assert (shown.done_bytes, shown.rate_bytes_s, shown.eta_s) == (91 * MB, MB, 9.0)
    # The next file was half there as well.
    meter.feed(downloading("more.bin", 50 * MB, 100 * MB), 1.0)
    meter.feed(downloading("more.bin", 51 * MB, 100 * MB), 2.0)
    assert meter.snapshot(2.0).rate_bytes_s == MB


def test_a_repair_is_measured_by_what_it_fetches_not_by_the_model() -> None:
    meter = Meter(3000 * MB)
    meter.feed(wanted("config.json", MB), 0.0)
    meter.feed(wanted("tokenizer.json", 3 * MB), 0.0)
    meter.feed(downloading("config.json", 0, MB), 0.0)
    meter.feed(downloading("config.json", MB, MB), 1.0)
    shown = meter.snapshot(1.0)
    assert (shown.done_bytes, shown.total_bytes, shown.eta_s) == (MB, 4 * MB, 3.0)


@pytest.mark.parametrize("phase", ["verifying", "copying"])
def test_other_phases_are_measured_by_the_model(phase: Phase) -> None:
    meter = Meter(10 * MB)
    meter.feed(Progress(phase, "model.bin", MB, 8 * MB, ""), 0.0)
    meter.feed(Progress(phase, "model.bin", 2 * MB, 8 * MB, ""), 1.0)
    shown = meter.snapshot(1.0)
    assert (shown.done_bytes, shown.total_bytes, shown.rate_bytes_s) == (2 * MB, 10 * MB, MB)


def test_packages_that_carry_files_count_on_both_sides() -> None:
    meter = Meter(10 * MB)
    meter.feed(wanted("model.bin", 10 * MB), 0.0)
    meter.feed(downloading("carrier==1", 9 * MB, 9 * MB), 0.0)
    meter.feed(downloading("model.bin", 10 * MB, 10 * MB), 1.0)
    shown = meter.snapshot(1.0)
    assert (shown.done_bytes, shown.total_bytes) == (19 * MB, 19 * MB)


def test_a_file_that_starts_over_takes_its_bytes_back() -> None:
    meter = Meter(10 * MB)
    meter.feed(downloading("model.bin", 8 * MB, 10 * MB), 0.0)
    meter.feed(downloading("model.bin", 0, 10 * MB), 1.0)
    assert meter.snapshot(1.0).done_bytes == 0
    assert meter.snapshot(1.0).rate_bytes_s is None
    meter.feed(downloading("model.bin", 2 * MB, 10 * MB), 2.0)
    assert meter.snapshot(2.0).rate_bytes_s == MB
