"""The choice between measured plans, and which plans are measured."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from care_voice.service.tuning_policy import (
    NEAR,
    EnginePlan,
    Measurement,
    Runtime,
    choose,
    narrowed,
    plans_for,
    rate_matters,
    why_hopeless,
)

BOTH: dict[Runtime, int] = {"ctranslate2": 99, "onnxruntime": 99}


def plan(runtime: Runtime = "ctranslate2", workers: int = 1, threads: int = 4) -> EnginePlan:
    return EnginePlan(runtime, workers, threads)


def found(latency_s: float, rate: float | None = None, of: EnginePlan | None = None) -> Measurement:
    return Measurement(of or plan(), latency_s=latency_s, windows_per_s=rate)


def shapes(plans: list[EnginePlan]) -> list[tuple[Runtime, int, int]]:
    return [(each.runtime, each.workers, each.threads) for each in plans]


measurements = st.builds(
    Measurement,
    plan=st.builds(EnginePlan, st.sampled_from(["ctranslate2", "onnxruntime"]), st.integers(1, 8), st.integers(1, 8)),
    outcome=st.sampled_from(["measured", "measured", "wrong_words", "failed", "skipped"]),
    latency_s=st.floats(0.01, 100),
    windows_per_s=st.none() | st.floats(0.01, 100),
)


def test_the_shortest_wait_wins() -> None:
    slow, fast = found(0.5, 9.0), found(0.3, 2.0, plan("onnxruntime"))
    assert choose([slow, fast]) == fast


def test_throughput_decides_between_waits_that_nobody_can_tell_apart() -> None:
    quick, wide = found(1.0, 1.0), found(1.14, 1.8, plan(workers=2, threads=2))
    assert choose([quick, wide]) == wide
    assert choose([quick, replace(wide, latency_s=1.16)]) == quick


def test_what_does_not_hear_the_words_is_out_however_fast_it_is() -> None:
    wrong = replace(found(0.1, 9.0), outcome="wrong_words")
    right = found(0.5, 1.0, plan("onnxruntime"))
    assert choose([wrong, right]) == right
    assert choose([wrong, replace(right, outcome="failed")]) is None
    assert choose([]) is None


@given(st.lists(measurements, max_size=8))
def test_the_choice_is_sound_and_nearly_the_fastest_and_none_near_it_does_more(measured: list[Measurement]) -> None:
    chosen = choose(measured)
    sound = [each for each in measured if each.outcome == "measured"]
    assert (chosen is None) == (not sound)
    if chosen is not None:
        shortest = min(each.latency_s for each in sound)
        assert chosen in sound
        assert chosen.latency_s <= shortest * NEAR
        assert all(each.rate <= chosen.rate for each in sound if each.latency_s <= shortest * NEAR)


@given(measurements, st.lists(measurements, max_size=6))
def test_a_throughput_that_is_not_measured_could_not_have_been_chosen(
    last: Measurement, before: list[Measurement]
) -> None:
    if not rate_matters(last.latency_s, before):
        assert choose([*before, last]) != last or last in before


def test_the_plans_fill_the_cores_and_the_runtimes_are_compared_at_each_width() -> None:
    assert shapes(plans_for(BOTH, 4)) == [
        ("ctranslate2", 1, 4), ("onnxruntime", 1, 4),
        ("ctranslate2", 2, 2), ("onnxruntime", 2, 2),
        ("ctranslate2", 4, 1), ("onnxruntime", 4, 1),
    ]  # fmt: skip
    assert shapes(plans_for({"ctranslate2": 9}, 1)) == [("ctranslate2", 1, 1)]
    assert max(each.workers for each in plans_for(BOTH, 128)) == 8


def test_numbers_that_are_set_are_kept() -> None:
    assert shapes(plans_for({"onnxruntime": 9}, 8, workers=3)) == [("onnxruntime", 3, 2)]
    assert shapes(plans_for({"onnxruntime": 9}, 8, threads=4)) == [("onnxruntime", 1, 4), ("onnxruntime", 2, 4)]
    assert shapes(plans_for({"onnxruntime": 0}, 8, workers=2, threads=1)) == [("onnxruntime", 2, 1)]


def test_more_workers_than_find_room_in_memory_are_not_tried_but_one_always_is() -> None:
    tried = plans_for({"ctranslate2": 3, "onnxruntime": 0}, 8)
    assert shapes(tried) == [("ctranslate2", 1, 8), ("onnxruntime", 1, 8), ("ctranslate2", 2, 4)]


def test_a_runtime_that_is_far_behind_or_failed_is_not_measured_with_fewer_threads() -> None:
    fast = found(0.3, 3.0, plan("onnxruntime"))
    narrow = plan(workers=2, threads=2)
    assert why_hopeless(narrow, []) == ""
    assert why_hopeless(narrow, [found(0.44), fast]) == ""
    assert why_hopeless(narrow, [found(0.46), fast])
    assert why_hopeless(narrow, [replace(found(0.0), outcome="failed"), fast])
    assert why_hopeless(plan("onnxruntime", 2, 2), [found(0.46), fast]) == ""


def test_a_plan_shrinks_where_memory_has_become_short() -> None:
    wide = plan(workers=4, threads=1)
    assert narrowed(wide, 9, 4) == wide
    assert narrowed(wide, 2, 4) == plan(workers=2, threads=2)
    assert narrowed(wide, 0, 4) == plan(workers=1, threads=4)


def test_plans_are_named_for_people() -> None:
    assert str(plan(workers=1, threads=2)) == "CTranslate2, 1 worker with 2 threads"
    assert str(plan("onnxruntime", 2, 1)) == "ONNX Runtime, 2 workers with 1 thread"
