"""What the verbs share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from care_voice.domain.errors import CareVoiceError


@contextmanager
def errors_explained() -> Iterator[None]:
    """Turn an error of ours into a message with a hint on stderr, and exit code 1."""
    try:
        yield
    except CareVoiceError as error:
        explain(error)
        raise SystemExit(1) from error


def explain(error: CareVoiceError, prefix: str = "") -> None:
    """Print an error for people."""
    say_error(f"{prefix}{error.message}", error.advice)


def say_error(message: str, hint: str | None = None) -> None:
    """Print what is wrong and what to do about it, on stderr. Without Typer, which `serve` does not import."""
    sys.stderr.write(f"Error: {message}\n")
    if hint:
        sys.stderr.write(f"Hint: {hint}\n")


def cannot_use(path: Path, error: OSError) -> NoReturn:
    """Say why files cannot be written or read, and exit with code 1."""
    give_up(
        f"{path} cannot be used: {error.strerror}.", "Do it as the service's user; make room where the disk is full."
    )


def give_up(message: str, hint: str | None = None) -> NoReturn:
    """Say what is wrong and exit with code 1."""
    say_error(message, hint)
    raise SystemExit(1)
