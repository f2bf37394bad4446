"""Asking HAProxy on one of its sockets. One connection for each question, as its protocol has it."""

from __future__ import annotations

import socket
from pathlib import Path

_ANSWER_S = 3.0


class NoAnswer(Exception):
    """Nobody answers there, or not in time."""


def ask(path: Path, question: str) -> str:
    """The answer to one or several commands, which `;` separates.

    Raises:
        NoAnswer: Nobody listens at `path`, or HAProxy is silent for three seconds.
    """
    try:
        with socket.socket(socket.AF_UNIX) as talk:
            talk.settimeout(_ANSWER_S)
            talk.connect(str(path))
            talk.sendall(f"{question}\n".encode())
            talk.shutdown(socket.SHUT_WR)  # else a master keeps the connection open for more
            return b"".join(iter(lambda: talk.recv(1 << 16), b"")).decode("utf-8", "replace")
    except OSError as error:
        raise NoAnswer(f"{path}: {error}") from error
