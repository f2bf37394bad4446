"""What is kept of a window comes back exactly; what another release wrote is told from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.engine.protocol import WindowDecoded, WirePart, WireToken, WireWord
from care_voice.service.checkpoints import KnownWindow, from_json, leading, recipe_of, to_json
from care_voice.service.options import Defaults, TranscriptionOptions
from care_voice.service.transcription import TranscriptionSettings

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TOKENS = st.builds(WireToken, st.integers(0, 60_000), st.text(max_size=3), st.binary(max_size=4), NUMBERS)
WORDS = st.builds(WireWord, st.text(max_size=8), NUMBERS, NUMBERS, NUMBERS, st.lists(TOKENS, max_size=3).map(tuple))
PARTS = st.builds(
    WirePart, NUMBERS, st.lists(WORDS, max_size=3).map(tuple), NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.text(max_size=2)
)
DECODED = st.builds(
    WindowDecoded, st.integers(0), st.text(max_size=2), NUMBERS, st.lists(PARTS, max_size=2).map(tuple),
    st.integers(1, 9), NUMBERS,
)  # fmt: skip
WINDOWS = st.builds(KnownWindow, NUMBERS, NUMBERS, DECODED, st.binary(max_size=20))


@given(WINDOWS)
def test_a_window_comes_back_with_every_number_as_it_was(window: KnownWindow) -> None:
    assert from_json(window.start_s, window.end_s, to_json(window, "r"), "r") == window
    assert from_json(window.start_s, window.end_s, to_json(window, "r"), "other") is None


@pytest.mark.parametrize("text", ["", "{}", '{"recipe": "r", "decoded": 1, "bookmark": ""}', "[]"])
def test_what_is_no_window_is_not_known(text: str) -> None:
    assert from_json(0.0, 1.0, text, "r") is None


def test_the_recipe_tells_whatever_changes_the_words() -> None:
    plain = TranscriptionOptions()
    settings = TranscriptionSettings()

    def recipe(options: TranscriptionOptions, model: str = "base", defaults: Defaults = settings) -> str:
        return recipe_of(model, options, options.decoding(defaults))

    others = [
        recipe(plain, "other"),
        recipe(TranscriptionOptions(language="zh")),
        recipe(TranscriptionOptions(task="translate")),
        recipe(TranscriptionOptions(prompt="Mrs Wang")),
        recipe(plain, defaults=TranscriptionSettings(profile="fast")),
        recipe(plain, defaults=TranscriptionSettings(hotwords="edema")),
    ]
    assert len({recipe(plain), *others}) == 1 + len(others)
    assert recipe(plain) == recipe(TranscriptionOptions())


def test_the_leading_windows_end_at_the_first_gap() -> None:
    window = KnownWindow(0.0, 1.0, WindowDecoded(1, "en", 1.0, (), 1, 0.1))

    assert leading({}) == []
    assert leading({1: window}) == []
    assert leading({0: window, 1: window, 3: window}) == [window, window]
