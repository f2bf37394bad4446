"""Which bytes of a file are there. No I/O here."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

Span = tuple[int, int]
"""Half-open: the first byte, and the one after the last."""


class Intervals:
    """A set of byte positions, kept as sorted spans that do not touch."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in spans:
            self.add(start, stop)

    def __iter__(self) -> Iterable[Span]:
        return iter(zip(self._starts, self._stops, strict=True))

    @property
    def covered(self) -> int:
        """How many bytes are there."""
        return sum(self._stops) - sum(self._starts)

    def add(self, start: int, stop: int) -> None:
        """Note that the bytes from `start` up to `stop` are there, whether or not some of them were."""
        if start >= stop:
            return
        first, last = bisect_left(self._stops, start), bisect_right(self._starts, stop)
        if first < last:
            start, stop = min(start, self._starts[first]), max(stop, self._stops[last - 1])
        self._starts[first:last], self._stops[first:last] = [start], [stop]

    def missing(self, size: int) -> list[Span]:
        """What is not there of a file of `size` bytes, in order."""
        edges = [0, *(edge for span in zip(self._starts, self._stops, strict=True) for edge in span), size]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(start, min(stop, size)) for start, stop in pairs if start < min(stop, size)]


def split(spans: Iterable[Span], parts: int, least: int) -> list[Span]:
    """Cut spans until there are up to `parts` of them, halving the longest while both halves have `least` bytes.

    The result is in order and covers exactly what `spans` covers.
    """
    pieces = sorted(spans)
    while 0 < len(pieces) < parts:
        start, stop = max(pieces, key=lambda span: span[1] - span[0])
        middle = (start + stop) // 2
        if middle - start < least:
            break
        pieces.remove((start, stop))
        pieces += [(start, middle), (middle, stop)]
    return sorted(pieces)
