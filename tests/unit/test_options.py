"""What a caller may ask of a transcription."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.errors import InvalidParameter
from care_voice.service.options import PROFILES, Decoding, TranscriptionOptions, ladder
from care_voice.service.transcription import TranscriptionSettings

DEFAULTS = TranscriptionSettings()


def decoding(settings: TranscriptionSettings = DEFAULTS, **wishes: Any) -> Decoding:
    return TranscriptionOptions(**wishes).decoding(settings)


@pytest.mark.parametrize(
    ("start", "climbed"),
    [
        (0.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.5, (0.5, 0.7, 0.9, 1.0)),
        (0.8, (0.8, 1.0)),
        (1.0, (1.0,)),
    ],
)
def test_the_ladder_climbs_from_the_wanted_temperature_to_one(start: float, climbed: tuple[float, ...]) -> None:
    assert decoding(temperature=start).temperatures == pytest.approx(climbed)


@given(st.floats(0, 1), st.sampled_from([effort.ladder_step for effort in PROFILES.values()]))
def test_every_ladder_starts_as_asked_rises_and_ends_at_one(start: float, step: float) -> None:
    climbed = ladder(start, step)

    assert climbed[0] == pytest.approx(start, abs=0.001)
    assert climbed[-1] == pytest.approx(1.0, abs=0.001)
    assert list(climbed) == sorted(climbed)
    assert 1 <= len(climbed) <= 6


@pytest.mark.parametrize("temperature", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_temperature_out_of_range_is_refused(temperature: float) -> None:
    with pytest.raises(InvalidParameter) as caught:
        TranscriptionOptions(temperature=temperature)

    assert caught.value.param == "temperature"


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("zh-TW", "use 'zh'"),
        ("zh_Hant", "use 'zh'"),
        ("EN", "use 'en'"),
        ("english", "use the code 'en'"),
        ("Chinese", "use the code 'zh'"),
        ("xx", "ISO-639-1"),
    ],
)
def test_a_language_that_is_not_a_code_is_refused_with_what_to_use(code: str, advice: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        TranscriptionOptions(language=code)

    assert caught.value.param == "language"
    assert advice in caught.value.message


def test_each_of_several_languages_is_checked() -> None:
    assert TranscriptionOptions(languages=("zh", "en")).languages == ("zh", "en")
    with pytest.raises(InvalidParameter) as caught:
        TranscriptionOptions(languages=("zh", "klingon"))

    assert caught.value.param == "languages"


def test_nothing_asked_is_a_beam_of_five_and_the_full_ladder() -> None:
    assert decoding() == Decoding(
        beam_size=5,
        temperatures=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        hotwords=None,
        both_sizes=False,
        language_changes=False,
    )


def test_fast_is_greedy_with_a_short_ladder_and_accurate_searches_more() -> None:
    fast, accurate = decoding(profile="fast"), decoding(profile="accurate")

    assert (fast.beam_size, fast.temperatures, fast.both_sizes) == (1, (0.0, 0.5, 1.0), False)
    assert (accurate.beam_size, accurate.both_sizes) == (8, True)


def test_what_is_asked_for_by_name_overrides_the_profile() -> None:
    wished = decoding(profile="fast", beam_size=3, temperatures=(0.1, 0.3))

    assert (wished.beam_size, wished.temperatures) == (3, (0.1, 0.3))
    assert decoding(profile="fast", temperature=0.2).temperatures == (0.2, 0.7, 1.0)


def test_the_operators_choices_count_where_a_request_makes_none() -> None:
    operators = TranscriptionSettings(profile="fast", hotwords=" Liddy ", language_detection="window")
    plain = decoding(operators)

    assert (plain.beam_size, plain.hotwords, plain.language_changes) == (1, "Liddy", True)
    assert decoding(operators, profile="balanced").beam_size == 5
    assert decoding(operators, hotwords="Puttel").hotwords == "Puttel"
    assert decoding(operators, hotwords="").hotwords is None
    assert decoding(operators, language_detection="recording").language_changes is False


def test_the_operators_beam_counts_for_the_operators_profile_alone() -> None:
    operators = TranscriptionSettings(beam_size=2)

    assert decoding(operators).beam_size == 2
    assert decoding(operators, profile="accurate").beam_size == 8
    assert decoding(operators, beam_size=7).beam_size == 7


def test_a_language_that_is_given_is_not_detected_whatever_the_operator_says() -> None:
    operators = TranscriptionSettings(language_detection="window")

    assert decoding(operators, language="zh").language_changes is False


@pytest.mark.parametrize("beam_size", [-1, 11])
def test_an_operators_beam_out_of_range_is_refused(beam_size: int) -> None:
    with pytest.raises(ValueError, match="beam_size"):
        TranscriptionSettings(beam_size=beam_size)


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ({"beam_size": 0}, "beam_size"),
        ({"beam_size": 11}, "beam_size"),
        ({"temperatures": (0.0, 1.1)}, "temperatures"),
        ({"temperatures": (float("nan"),)}, "temperatures"),
        ({"temperatures": (0.4, 0.2)}, "temperatures"),
        ({"temperatures": tuple(n / 20 for n in range(11))}, "temperatures"),
        ({"temperatures": (0.0,), "temperature": 0.0}, "temperatures"),
        ({"language": "zh", "language_detection": "window"}, "language_detection"),
        ({"language": "zh", "languages": ("zh", "en")}, "languages"),
    ],
)
def test_what_is_out_of_range_or_contradicts_is_refused_by_name(wishes: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        TranscriptionOptions(**wishes)

    assert caught.value.param == param
