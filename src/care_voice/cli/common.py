"""What the verbs share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from care_voice.domain.errors import CareVoiceError


@contextmanager
def errors_explained() -> Iterator[None]:
    """Turn an error of ours into a message with a hint on stderr, and exit code 1."""
    try:
        yield
    except CareVoiceError as error:
        explain(error)
        raise typer.Exit(1) from error


def explain(error: CareVoiceError, prefix: str = "") -> None:
    """Print an error for people."""
    typer.echo(f"Error: {prefix}{error.message}", err=True)
    if error.advice:
        typer.echo(f"Hint: {error.advice}", err=True)
