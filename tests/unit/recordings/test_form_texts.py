"""In which language a page without JavaScript is written."""

from __future__ import annotations

from dataclasses import fields

import pytest

from care_voice.api.form_texts import TEXTS, choose


@pytest.mark.parametrize(
    ("accepted", "asked", "chosen"),
    [
        ("", None, "zh-TW"),
        ("zh-TW,zh;q=0.9,en;q=0.8", None, "zh-TW"),
        ("zh-Hant", None, "zh-TW"),
        ("en-GB", None, "en"),
        ("tl-PH, en;q=0.5", None, "fil"),
        ("in", None, "id"),
        ("vi-VN", None, "vi"),
        ("xx, en;q=0.5, zh;q=0.9", None, "zh-TW"),
        ("zh;q=0, en;q=0.1", None, "en"),
        ("en;q=nonsense, ;;, =", None, "zh-TW"),
        ("zh-TW", "en", "en"),
        ("en", "<script>", "en"),
    ],
)
def test_the_first_language_that_is_here_is_taken(accepted: str, asked: str | None, chosen: str) -> None:
    assert choose(accepted, asked) == chosen


def test_every_language_has_words_for_the_same_errors() -> None:
    for texts in TEXTS.values():
        assert set(texts.errors) == set(TEXTS["en"].errors)
        assert all(getattr(texts, field.name) for field in fields(texts))
