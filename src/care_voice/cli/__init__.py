"""The command line: verbs that parse, call and print."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

VERBS = {
    "serve": "serving",
    "start": "server",
    "stop": "server",
    "transcribe": "transcribe",
    "bench": "bench",
    "tune": "tune",
    "doctor": "doctor",
    "models": "models",
    "webhooks": "webhooks",
    "recordings": "recordings",
    "backup": "backup",
    "restore": "backup",
    "verify": "backup",
    "db": "db",
    "steward": "stewarding",
    "deploy": "deploy",
    "entrance": "entrance",
}
"""Name of a command -> module of this package that holds it."""

_GROUPS = frozenset({"models", "recordings", "webhooks", "db", "deploy", "entrance"})
"""Commands that have commands of their own."""


def build_app(verb: str | None = None) -> typer.Typer:
    """The commands; only `verb` where it is one, since importing the others takes a while."""
    from care_voice.cli.program import new_program  # noqa: PLC0415 - `serve` does without Typer

    app = new_program()
    for name in [verb] if verb in VERBS else VERBS:
        module = import_module(f"care_voice.cli.{VERBS[name]}")
        if name in _GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def main() -> None:
    """Entry point of the console script."""
    if sys.argv[1:] in (["serve"], ["serve", "--stay"]):
        _serve(stay="--stay" in sys.argv)
    else:
        build_app(sys.argv[1] if len(sys.argv) > 1 else None)()


def _serve(*, stay: bool) -> None:
    """The service, whose start is waited for: its workers begin to import before anything else is imported here."""
    from care_voice.supervisor.spawning import HeadStart  # noqa: PLC0415

    head_start = HeadStart()
    head_start.begin()
    from care_voice.telemetry.lean import import_structlog  # noqa: PLC0415

    import_structlog()
    from care_voice.cli.serving import serve_from  # noqa: PLC0415

    serve_from(head_start, stay=stay)
