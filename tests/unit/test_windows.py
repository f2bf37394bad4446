"""The window planner: no speech is lost, no sound is decoded twice, whatever the probabilities and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.audio.windows import FRAME_S, Window, WindowPlanner, WindowSettings


def frames(seconds: float) -> int:
    return round(seconds / FRAME_S)


def plan(probabilities: Iterable[float], settings: WindowSettings | None = None) -> list[Window]:
    planner = WindowPlanner(settings or WindowSettings())
    return [*planner.push(probabilities), *planner.finish()]


def sound(*parts: tuple[float, float]) -> list[float]:
    """(seconds, probability) pairs as one probability a frame."""
    return [probability for seconds, probability in parts for _ in range(frames(seconds))]


RUNS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.02, 0.2, 0.3, 0.39, 0.4, 0.5, 0.9, 1.0]), st.integers(1, 400)), max_size=30
)
PROBABILITIES = RUNS.map(lambda runs: [p for p, count in runs for _ in range(count)])
SETTINGS = st.builds(
    WindowSettings,
    threshold=st.floats(0.05, 0.95),
    min_silence_s=st.floats(0, 10),
    pad_s=st.floats(0, 5),
)
SMALL = st.builds(WindowSettings, max_window_s=st.floats(4, 12), pad_s=st.floats(0, 1), max_pause_s=st.floats(0.5, 4))
ASKED = st.one_of(st.just(WindowSettings()), SETTINGS, SMALL)


def long_enough_speech(probabilities: Sequence[float], settings: WindowSettings) -> set[int]:
    """Frames at or above the threshold in runs that are long enough by themselves."""
    found: set[int] = set()
    run: list[int] = []
    for number, probability in enumerate([*probabilities, -1.0]):
        if probability >= settings.threshold:
            run.append(number)
            continue
        if len(run) >= max(1, frames(settings.min_speech_s)):
            found.update(run)
        run = []
    return found


@given(PROBABILITIES, ASKED)
def test_every_frame_of_speech_is_in_exactly_one_window(probabilities: list[float], settings: WindowSettings) -> None:
    windows = plan(probabilities, settings)

    given_out = [frame for window in windows for frame in range(window.start, window.end)]
    assert len(given_out) == len(set(given_out))
    assert long_enough_speech(probabilities, settings) <= set(given_out)


@given(PROBABILITIES, ASKED)
def test_windows_come_in_order_and_are_never_too_long(probabilities: list[float], settings: WindowSettings) -> None:
    windows = plan(probabilities, settings)

    assert all(left.end <= right.start for left, right in pairwise(windows))
    for window in windows:
        assert 0 <= window.start < window.end <= len(probabilities)
        assert window.end - window.start <= frames(settings.max_window_s)


@given(PROBABILITIES, ASKED)
def test_the_speech_of_a_window_lies_inside_it_in_order(probabilities: list[float], settings: WindowSettings) -> None:
    for window in plan(probabilities, settings):
        assert window.speech
        edges = [window.start, *(edge for span in window.speech for edge in (span.start, span.end)), window.end]
        assert edges == sorted(edges)
        assert all(span.start < span.end for span in window.speech)


@given(PROBABILITIES, ASKED, st.lists(st.integers(1, 200), min_size=1, max_size=20))
def test_the_sizes_of_the_blocks_do_not_matter(
    probabilities: list[float], settings: WindowSettings, sizes: list[int]
) -> None:
    planner, windows, start, turn = WindowPlanner(settings), [], 0, 0
    while start < len(probabilities):
        size = sizes[turn % len(sizes)]
        windows += planner.push(probabilities[start : start + size])
        start, turn = start + size, turn + 1
    windows += planner.finish()

    assert windows == plan(probabilities, settings)


@given(PROBABILITIES, ASKED, st.floats(0, 1))
def test_another_planner_can_go_on_from_any_moment(
    probabilities: list[float], settings: WindowSettings, place: float
) -> None:
    moment = int(place * len(probabilities))
    first = WindowPlanner(settings)
    windows = list(first.push(probabilities[:moment]))
    second = WindowPlanner.restored(settings, first.state)
    windows += [*second.push(probabilities[moment:]), *second.finish()]

    assert windows == plan(probabilities, settings)


@given(PROBABILITIES, ASKED)
def test_the_sound_of_a_later_window_is_never_forgotten_too_early(
    probabilities: list[float], settings: WindowSettings
) -> None:
    planner, kept_from = WindowPlanner(settings), 0
    for probability in probabilities:
        for window in planner.push([probability]):
            assert window.start >= kept_from
        assert planner.needed_from >= kept_from, "what was forgotten is asked for again"
        kept_from = planner.needed_from
    for window in planner.finish():
        assert window.start >= kept_from


@given(PROBABILITIES, ASKED)
def test_memory_does_not_grow_with_the_length(probabilities: list[float], settings: WindowSettings) -> None:
    planner = WindowPlanner(settings)
    for number, probability in enumerate(probabilities, start=1):
        list(planner.push([probability]))
        assert number - planner.needed_from <= frames(settings.max_window_s)


@pytest.mark.parametrize("threshold", [0.02, 0.1, 0.15, 0.4, 0.9])
def test_silence_ends_speech_at_every_threshold(threshold: float) -> None:
    windows = plan(sound((2, 0.95), (10, 0.0), (2, 0.95)), WindowSettings(threshold=threshold))

    assert [len(window.speech) for window in windows] == [1, 1]
    assert windows[0].speech[0].end == frames(2)


def test_silence_gives_no_window() -> None:
    assert plan(sound((60, 0.1))) == []


def test_a_click_is_not_speech() -> None:
    assert plan(sound((1, 0.0), (0.06, 0.99), (3, 0.0))) == []


def test_speech_is_padded_on_both_sides() -> None:
    (window,) = plan(sound((5, 0.0), (2, 0.9), (3, 0.0)))
    settings = WindowSettings()

    assert window.start == frames(5) - frames(settings.pad_s)
    assert window.end == frames(5) + frames(2) + frames(settings.pad_s)


def test_a_short_gap_stays_inside_one_span() -> None:
    (window,) = plan(sound((2, 0.9), (0.2, 0.0), (2, 0.9), (1, 0.0)))

    assert len(window.speech) == 1


def test_a_long_pause_ends_the_window_without_waiting_for_more_speech() -> None:
    planner = WindowPlanner(WindowSettings())

    assert list(planner.push(sound((2, 0.9), (5.5, 0.0)))) == []
    assert len(list(planner.push(sound((1.0, 0.0))))) == 1
    assert planner.idle
    assert list(planner.finish()) == []


def test_a_full_window_is_cut_at_its_longest_late_pause() -> None:
    windows = plan(sound((10, 0.9), (0.5, 0.0), (8, 0.9), (1.5, 0.0), (6, 0.9), (0.5, 0.0), (12, 0.9)))

    assert windows[0].speech[-1].end == frames(10) + frames(0.5) + frames(8)


def test_speech_without_a_pause_is_cut_where_it_is_least_certain() -> None:
    windows = plan(sound((25, 0.9), (0.1, 0.5), (20, 0.9)))

    assert frames(25) <= windows[0].end <= frames(25.1)
    assert windows[1].start == windows[0].end


def test_a_word_cut_off_by_the_end_of_a_window_is_kept_however_short_it_is() -> None:
    settings = WindowSettings()
    full = frames(settings.max_window_s) - frames(settings.pad_s)
    probabilities = [0.9] * (full - 1) + [0.5] + [0.9, 0.0] + [0.0] * 50
    windows = plan(probabilities, settings)

    covered = {frame for window in windows for frame in range(window.start, window.end)}
    assert set(range(full + 1)) <= covered


def test_the_end_of_the_recording_gives_what_is_left() -> None:
    planner = WindowPlanner(WindowSettings())

    assert list(planner.push(sound((3, 0.9)))) == []
    (window,) = planner.finish()
    assert (window.start, window.end) == (0, frames(3))
