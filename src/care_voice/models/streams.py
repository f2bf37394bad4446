"""Bytes on their way from one file to another, a chunk at a time."""

from __future__ import annotations

from typing import Protocol

CHUNK_BYTES = 1024 * 1024
"""How much is read and written at a time: memory does not grow with the size of a model."""


class Readable(Protocol):
    """Gives up to `count` bytes, and none only at its end."""

    def read(self, count: int, /) -> bytes: ...


class Sink(Protocol):
    """Takes bytes."""

    def write(self, chunk: bytes, /) -> int: ...
    def flush(self) -> None: ...


class Joined:
    """A stream with bytes put back before it."""

    def __init__(self, start: bytes, stream: Readable) -> None:
        self._start = start
        self._stream = stream

    def read(self, count: int, /) -> bytes:
        if not self._start:
            return self._stream.read(count)
        found, self._start = self._start[:count], self._start[count:]
        return found


def read_up_to(stream: Readable, count: int) -> bytes:
    """Read `count` bytes, fewer only where the stream ends before; `count` is small."""
    found = b""
    while len(found) < count and (more := stream.read(count - len(found))):
        found += more
    return found
