"""Form fields as values: one reader that names the parameter in every complaint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from care_voice.domain.errors import InvalidParameter, MissingParameter

_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0"})


class Fields:
    """Reads the fields of a form; arrays come as repeated `name[]`, and `name` is taken as well."""

    def __init__(self, raw: Mapping[str, Sequence[str]]) -> None:
        self._raw = raw

    def text(self, name: str) -> str | None:
        """The one value of a field; None where it is absent or empty, as clients send unset fields.

        Raises:
            InvalidParameter: It came more than once.
        """
        values = self._raw.get(name, ())
        if len(values) > 1:
            raise InvalidParameter(param=name, why="it came more than once")
        return values[0] if values and values[0] != "" else None

    def required(self, name: str) -> str:
        """As `text`. Raises MissingParameter where it is absent or empty."""
        value = self.text(name)
        if value is None:
            raise MissingParameter(param=name)
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """One of `allowed`. Raises InvalidParameter, naming them."""
        value = self.text(name)
        if value is None:
            return default
        if value not in allowed:
            raise InvalidParameter(param=name, why=f"'{value[:40]}' is not one of {', '.join(allowed)}")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`. Raises InvalidParameter."""
        value = self.text(name)
        return None if value is None else _number(name, value, low, high)

    def integer(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`. Raises InvalidParameter."""
        number = self.number(name, low, high)
        if number is not None and number != int(number):
            raise InvalidParameter(param=name, why="it must be a whole number")
        return None if number is None else int(number)

    def numbers(self, name: str, low: float, high: float) -> tuple[float, ...]:
        """The values of an array, each from `low` to `high`. Raises InvalidParameter."""
        return tuple(_number(name, value, low, high) for value in self.many(name))

    def flag(self, name: str) -> bool:
        """true or false; false where it is absent. Raises InvalidParameter."""
        value = (self.text(name) or "false").lower()
        if value not in _TRUE | _FALSE:
            raise InvalidParameter(param=name, why="it must be true or false")
        return value in _TRUE

    def many(self, name: str, allowed: Sequence[str] | None = None) -> tuple[str, ...]:
        """The values of an array. Raises InvalidParameter where one is not in `allowed`."""
        values = [value for value in (*self._raw.get(f"{name}[]", ()), *self._raw.get(name, ())) if value != ""]
        for value in values:
            if allowed is not None and value not in allowed:
                raise InvalidParameter(param=name, why=f"'{value[:40]}' is not one of {', '.join(allowed)}")
        return tuple(dict.fromkeys(values))

    def present(self, name: str) -> bool:
        """Whether the field came with a value, as a scalar, an array or an object (`name[key]`)."""
        return any(
            (key == name or key.startswith(f"{name}[")) and any(value != "" for value in values)
            for key, values in self._raw.items()
        )


def _number(name: str, value: str, low: float, high: float) -> float:
    try:
        number = float(value)
    except ValueError:
        raise InvalidParameter(param=name, why=f"'{value[:40]}' is not a number") from None
    if not low <= number <= high:
        raise InvalidParameter(param=name, why=f"it must be between {low:g} and {high:g}")
    return number
