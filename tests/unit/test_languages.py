"""The table of languages."""

from __future__ import annotations

import re

from care_voice.domain.languages import LANGUAGES, language_name


def test_there_are_the_hundred_languages_that_whisper_knows() -> None:
    assert len(LANGUAGES) == 100
    assert len(set(LANGUAGES.values())) == 100


def test_codes_and_names_are_in_the_form_that_clients_expect() -> None:
    assert all(re.fullmatch(r"[a-z]{2,3}", code) for code in LANGUAGES)
    assert all(re.fullmatch(r"[a-z]+( [a-z]+)?", name) for name in LANGUAGES.values())


def test_a_code_has_a_name_and_an_unknown_code_stays_as_it_is() -> None:
    assert [language_name(code) for code in ("zh", "en", "ht", "yue", "xx")] == [
        "chinese", "english", "haitian creole", "cantonese", "xx",
    ]  # fmt: skip
