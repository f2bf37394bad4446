"""Text and TOML values become the fields of dataclasses, and a mistake is told with its place.

Not pydantic: it is the web framework's, and takes a fifth of the time in which the service starts.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


class BadValue(ValueError):
    """A value that does not fit; `path` leads to it, by names of fields from the outermost on."""

    def __init__(self, path: tuple[str, ...], why: str) -> None:
        super().__init__(f"{'.'.join(path)}: {why}")
        self.path = path
        self.why = why


def made(cls: type[T], values: Mapping[str, Any], path: tuple[str, ...] = ()) -> T:
    """A dataclass from values by field name; a field that is a dataclass takes a mapping.

    Raises:
        BadValue: A name is not known, a value does not fit the type of its field, or the class refuses it (ValueError).
    """
    hints = get_type_hints(cls)
    known = {each.name for each in fields(cls)}  # type: ignore[arg-type] # a dataclass, as the caller promises
    for name in values:
        if name not in known:
            raise BadValue((*path, name), "there is no such setting")
    fitted = {name: _fitted(hints[name], value, (*path, name)) for name, value in values.items()}
    try:
        return cls(**fitted)
    except ValueError as error:
        raise BadValue(path, str(error)) from error


def _fitted(kind: Any, value: Any, path: tuple[str, ...]) -> Any:
    """`value` as `kind`: a plain type, a dataclass, or Literal, tuple, dict and `| None` of such."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _chosen(inner, value, path)
    if origin in (Union, types.UnionType):
        return None if value is None else _fitted(next(each for each in inner if each is not type(None)), value, path)
    if origin is tuple:
        return tuple(_fitted(inner[0], each, path) for each in _checked(value, list | tuple, "a list", path))
    if origin is dict:
        pairs = _checked(value, Mapping, "a table", path).items()
        return {_fitted(inner[0], key, path): _fitted(inner[1], each, path) for key, each in pairs}
    if is_dataclass(kind):
        return made(kind, _checked(value, Mapping, "a section", path), path)  # type: ignore[arg-type] # it is a class
    return _plain(kind, value, path)


def _chosen(allowed: tuple[Any, ...], value: Any, path: tuple[str, ...]) -> Any:
    if value in allowed:
        return value
    raise BadValue(path, f"it is '{value}' and must be one of {', '.join(map(str, allowed))}")


def _plain(kind: Any, value: Any, path: tuple[str, ...]) -> Any:
    if kind is bool:
        return _truth(value, path)
    if kind is str:
        return _checked(value, str, "text", path)
    if kind is Path:
        return Path(_checked(value, str | Path, "a path", path))
    if kind in (int, float) and isinstance(value, str | int | float) and not isinstance(value, bool):
        return _number(kind, value, path)
    raise BadValue(path, f"{value!r} is not a number")


def _truth(value: Any, path: tuple[str, ...]) -> bool:
    found = _TRUTHS.get(str(value).strip().lower())
    if found is None:
        raise BadValue(path, f"it is '{value}' and must be true or false")
    return found


def _number(kind: type[int] | type[float], value: str | float, path: tuple[str, ...]) -> int | float:
    try:
        number = kind(value)
    except (ValueError, OverflowError):
        raise BadValue(path, f"'{value}' is not {'a whole number' if kind is int else 'a number'}") from None
    if isinstance(value, float) and number != value:
        raise BadValue(path, f"'{value}' is not a whole number")
    return number


def _checked(value: Any, kind: Any, what: str, path: tuple[str, ...]) -> Any:
    if isinstance(value, kind):
        return value
    raise BadValue(path, f"{value!r} is not {what}")
