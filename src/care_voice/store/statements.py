"""Named SQL from the files in `sql/`: one text for both databases, and another only where they must differ.

A section begins with `-- name: claim_job` and its parameters are written `:owner`. A section `-- name: claim_job
(postgresql)` is used there instead. A line `-- include: recording_filters` stands for the text of that section.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Literal

Dialect = Literal["sqlite", "postgresql"]

_HEAD = re.compile(r"^-- name: (?P<name>\w+)(?: \((?P<dialect>sqlite|postgresql)\))?\s*$", re.MULTILINE)
_COMMENT = re.compile(r"^\s*--(?! include:).*$", re.MULTILINE)
_INCLUDE = re.compile(r"^\s*-- include: (\w+)$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_LITERAL = re.compile(r"('(?:[^']|'')*')")


@cache
def statements(dialect: Dialect) -> dict[str, str]:
    """Every named statement as the driver of `dialect` takes it.

    Raises:
        ValueError: Two sections have one name.
    """
    found: dict[tuple[str, str | None], str] = {}
    for file in sorted(_folder().iterdir(), key=lambda each: each.name):
        if file.name.endswith(".sql"):
            _add_sections(file.read_text(encoding="utf-8"), found)
    names = {name for name, _ in found}
    chosen = {name: found.get((name, dialect), found.get((name, None))) for name in names}
    present = {name: text for name, text in chosen.items() if text is not None}
    return {
        name: _for_driver(_INCLUDE.sub(lambda match: present[match[1]], text), dialect)
        for name, text in present.items()
    }


def _folder() -> resources.abc.Traversable:
    return resources.files("care_voice.store") / "sql"


def _add_sections(text: str, found: dict[tuple[str, str | None], str]) -> None:
    heads = list(_HEAD.finditer(text))
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        key = (head["name"], head["dialect"])
        if key in found:
            raise ValueError(f"two statements are named {key[0]}")
        body = text[head.end() : following.start() if following else None]
        found[key] = _COMMENT.sub("", body).strip().rstrip(";")


def _for_driver(text: str, dialect: Dialect) -> str:
    """psycopg writes parameters as %(name)s and a percent sign twice; what is quoted is left alone but for that."""
    if dialect == "sqlite":
        return text
    pieces = _LITERAL.split(text.replace("%", "%%"))
    return "".join(piece if n % 2 else _PARAMETER.sub(r"%(\1)s", piece) for n, piece in enumerate(pieces))
