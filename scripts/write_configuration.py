"""Write docs/configuration.md from the settings' own definitions: `.venv/bin/python scripts/write_configuration.py`."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import get_type_hints

from care_voice.config import PREFIX, SEPARATOR, Settings

TARGET = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
HEAD = """# Configuration

Every setting is an environment variable. It can also stand in a TOML file, `care-voice.toml` in the data directory or
the file that `CARE_VOICE_CONFIG` names: `CARE_VOICE_API__PORT` is `port` under `[api]` there. The environment wins. An
unknown name or a value that does not fit is refused at the start, by name. A table has a variable for each key, and
replaces what it is by default: `CARE_VOICE_API__MODEL_ALIASES__BASE=small`.

This page is written by `scripts/write_configuration.py` from the code.
"""


def page() -> str:
    """The whole page."""
    sections = [HEAD, "## General", *_rows(Settings, PREFIX)]
    return "\n".join(sections).rstrip() + "\n"


def _rows(cls: type, prefix: str) -> Iterator[str]:
    described, hints = _descriptions(cls), get_type_hints(cls)
    nested = [each for each in fields(cls) if _is_section(hints[each.name])]
    plain = [each for each in fields(cls) if each not in nested]
    yield "\n| variable | default | |\n|---|---|---|"
    for each in plain:
        yield f"| `{prefix}{each.name.upper()}` | {_default(each)} | {described[each.name]} |"
    for each in nested:
        section = hints[each.name]
        yield f"\n## {each.name}\n\n{inspect.cleandoc(section.__doc__).splitlines()[0]}"
        yield from _rows(section, f"{prefix}{each.name.upper()}{SEPARATOR}")


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _default(each: Field[object]) -> str:
    value = each.default_factory() if each.default_factory is not MISSING else each.default
    if value is MISSING:
        return "see there"
    if isinstance(value, tuple):
        value = ",".join(value)
    return "" if value is None else f"`{value}`"


def _descriptions(cls: type) -> dict[str, str]:
    """The string under each field, on one line."""
    body = ast.parse(inspect.getsource(cls)).body[0].body
    found = {}
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign):
            has_text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            found[node.target.id] = " ".join(following.value.value.split()) if has_text else ""
    return found


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
    print(f"wrote {TARGET}", file=sys.stderr)
