"""Form fields as values, and complaints that name the parameter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from care_voice.api.parameters import Fields
from care_voice.domain.errors import InvalidParameter, MissingParameter

FIELDS = Fields(
    {
        "model": ["base"],
        "empty": [""],
        "twice": ["a", "b"],
        "number": ["0.5"],
        "words": ["many words"],
        "yes": ["True"],
        "list[]": ["word", "segment", "word", ""],
        "list": ["extra"],
        "object[type]": ["server_vad"],
        "hollow[]": [""],
        "nan": ["nan"],
        "whole": ["5"],
        "ladder[]": ["0", "0.4", "0.8"],
        "steep[]": ["0", "1.4"],
    }
)


def test_a_text_is_its_value_and_an_empty_field_counts_as_absent() -> None:
    assert FIELDS.text("model") == "base"
    assert FIELDS.text("empty") is None
    assert FIELDS.text("absent") is None


def test_choice_number_and_flag_have_defaults_for_what_is_absent() -> None:
    assert FIELDS.choice("absent", ("a", "b"), "b") == "b"
    assert FIELDS.number("absent", 0, 1) is None
    assert FIELDS.flag("absent") is False
    assert FIELDS.many("absent") == ()
    assert FIELDS.integer("absent", 0, 1) is None
    assert FIELDS.numbers("absent", 0, 1) == ()


def test_values_are_read() -> None:
    assert FIELDS.required("model") == "base"
    assert FIELDS.choice("model", ("base", "tiny"), "tiny") == "base"
    assert FIELDS.number("number", 0, 1) == 0.5
    assert FIELDS.flag("yes") is True
    assert FIELDS.integer("whole", 1, 10) == 5
    assert FIELDS.numbers("ladder", 0, 1) == (0.0, 0.4, 0.8)


def test_an_array_comes_with_or_without_brackets_and_says_nothing_twice() -> None:
    assert FIELDS.many("list") == ("word", "segment", "extra")


def test_a_field_is_present_as_a_scalar_an_array_or_an_object() -> None:
    assert FIELDS.present("model")
    assert FIELDS.present("list")
    assert FIELDS.present("object")
    assert not FIELDS.present("hollow")
    assert not FIELDS.present("empty")
    assert not FIELDS.present("mod")


@pytest.mark.parametrize(
    ("read", "param"),
    [
        (lambda: FIELDS.text("twice"), "twice"),
        (lambda: FIELDS.choice("model", ("tiny",), "tiny"), "model"),
        (lambda: FIELDS.number("words", 0, 1), "words"),
        (lambda: FIELDS.number("number", 0, 0.4), "number"),
        (lambda: FIELDS.number("nan", 0, 1), "nan"),
        (lambda: FIELDS.flag("words"), "words"),
        (lambda: FIELDS.integer("whole", 6, 10), "whole"),
        (lambda: FIELDS.integer("number", 0, 10), "number"),
        (lambda: FIELDS.numbers("steep", 0, 1), "steep"),
        (lambda: FIELDS.numbers("list", 0, 1), "list"),
        (lambda: FIELDS.many("list", ("word", "segment")), "list"),
    ],
)
def test_a_wrong_value_is_refused_by_name(read: Callable[[], object], param: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read()

    assert caught.value.param == param


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_required_field_must_have_a_value(name: str) -> None:
    with pytest.raises(MissingParameter) as caught:
        FIELDS.required(name)

    assert caught.value.param == name


def test_a_long_wrong_value_is_not_echoed_whole() -> None:
    with pytest.raises(InvalidParameter) as caught:
        Fields({"model": ["x" * 10_000]}).choice("model", ("a",), "a")

    assert len(caught.value.message) < 200
