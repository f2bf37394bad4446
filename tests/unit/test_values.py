"""Text and TOML values as dataclasses: every kind of field, and a mistake told with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from care_voice.domain.values import BadValue, made


@dataclass(frozen=True)
class Inner:
    count: int = 1
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("count must not be negative")


@dataclass(frozen=True)
class Outer:
    name: str
    place: Path = Path()
    on: bool = False
    kind: Literal["a", "b"] = "a"
    limit: float | None = None
    names: tuple[str, ...] = ()
    places: tuple[Path, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {}),
        ({"place": "/x"}, {"place": Path("/x")}),
        ({"on": "Yes"}, {"on": True}),
        ({"on": False}, {"on": False}),
        ({"kind": "b"}, {"kind": "b"}),
        ({"limit": "2.5"}, {"limit": 2.5}),
        ({"limit": 3}, {"limit": 3.0}),
        ({"limit": None}, {"limit": None}),
        ({"names": ["x", "y"]}, {"names": ("x", "y")}),
        ({"places": ["/x"]}, {"places": (Path("/x"),)}),
        ({"aliases": {"x": "y"}}, {"aliases": {"x": "y"}}),
        ({"inner": {"count": "7", "share": 1}}, {"inner": Inner(7, 1.0)}),
    ],
)
def test_values_take_the_types_of_their_fields(values: dict[str, Any], expected: dict[str, Any]) -> None:
    assert made(Outer, {"name": "n", **values}) == Outer(name="n", **expected)


@pytest.mark.parametrize(
    ("values", "path", "why"),
    [
        ({"name": 5}, ("name",), "5 is not text"),
        ({"on": "perhaps"}, ("on",), "must be true or false"),
        ({"kind": "c"}, ("kind",), "it is 'c' and must be one of a, b"),
        ({"limit": "soon"}, ("limit",), "'soon' is not a number"),
        ({"limit": True}, ("limit",), "True is not a number"),
        ({"names": "x"}, ("names",), "is not a list"),
        ({"names": [1]}, ("names",), "1 is not text"),
        ({"aliases": 1}, ("aliases",), "is not a table"),
        ({"inner": 1}, ("inner",), "is not a section"),
        ({"inner": {"count": "2.5"}}, ("inner", "count"), "'2.5' is not a whole number"),
        ({"inner": {"count": 2.5}}, ("inner", "count"), "'2.5' is not a whole number"),
        ({"inner": {"count": float("inf")}}, ("inner", "count"), "is not a whole number"),
        ({"inner": {"count": -1}}, ("inner",), "count must not be negative"),
        ({"inner": {"cuont": 1}}, ("inner", "cuont"), "there is no such setting"),
    ],
)
def test_a_mistake_is_told_with_its_place(values: dict[str, Any], path: tuple[str, ...], why: str) -> None:
    with pytest.raises(BadValue) as caught:
        made(Outer, {"name": "n", **values})

    assert caught.value.path == path
    assert why in caught.value.why
