"""What a caller may ask of a transcription."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.errors import InvalidParameter
from care_voice.service.options import TranscriptionOptions


@pytest.mark.parametrize(
    ("start", "ladder"),
    [
        (0.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)),
        (0.5, (0.5, 0.7, 0.9, 1.0)),
        (0.8, (0.8, 1.0)),
        (1.0, (1.0,)),
    ],
)
def test_the_ladder_climbs_from_the_wanted_temperature_to_one(start: float, ladder: tuple[float, ...]) -> None:
    assert TranscriptionOptions(temperature=start).temperatures == pytest.approx(ladder)


@given(st.floats(0, 1))
def test_every_ladder_starts_as_asked_rises_and_ends_at_one(start: float) -> None:
    ladder = TranscriptionOptions(temperature=start).temperatures

    assert ladder[0] == pytest.approx(start, abs=0.001)
    assert ladder[-1] == pytest.approx(1.0, abs=0.001)
    assert list(ladder) == sorted(ladder)
    assert 1 <= len(ladder) <= 6


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
