"""`care-voice models export`, `import`, `backup` and `restore`."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the verbs."""
