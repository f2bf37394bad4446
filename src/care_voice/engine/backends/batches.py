"""Which windows are computed together, for a runtime that takes whole batches. Pure: it computes nothing itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from care_voice.engine.rails import FULL_WINDOW_S

T = TypeVar("T")

_MEMORY_SIGNS: Final = ("out of memory", "cublas_status_alloc_failed", "failed to allocate memory", "bad_alloc")
"""What CUDA, cuBLAS, CTranslate2's own allocator and the C++ library say, in lower case."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's MemoryError, which std::bad_alloc becomes, or a RuntimeError that says so."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(sign in said for sign in _MEMORY_SIGNS)


class BatchLimit:
    """How much is computed together, in seconds of padded sound; what did not fit into memory halves it for good.

    Args:
        windows: Windows of 30 s; shorter ones count for less, but there are never more than twice as many. 1 computes
            one window after the other, however short they are.
    """

    def __init__(self, windows: int) -> None:
        self.windows = 2 * windows if windows > 1 else 1
        """Most windows that are computed together."""
        self.seconds = windows * FULL_WINDOW_S
        """Most seconds of padded sound that are computed together; a window alone is always let through."""
        self.halvings = 0
        """How often memory ran out."""

    def has_room(self, windows: int, seconds: float) -> bool:
        """Whether a batch of so many windows, so long together, may be computed."""
        return windows <= 1 or (windows <= self.windows and seconds <= self.seconds)

    def halve(self, windows: int, seconds: float) -> None:
        """A batch of so many windows, so long together, did not fit into memory."""
        self.windows = min(self.windows, max(1, windows // 2))
        self.seconds = min(self.seconds, seconds / 2)
        self.halvings += 1


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """A window in hand. Those with equal `likeness` can be computed together."""

    key: int
    item: T
    likeness: Hashable
    seconds: float


class Batches(Generic[T]):
    """Windows in hand, in the order in which they came."""

    def __init__(self, limit: BatchLimit) -> None:
        self._limit = limit
        self._waiting: list[Entry[T]] = []

    def add(self, entry: Entry[T]) -> None:
        """Take a window in hand."""
        self._waiting.append(entry)

    def drop(self, key: int) -> bool:
        """Put a window out of hand; whether it was in hand."""
        kept = [entry for entry in self._waiting if entry.key != key]
        dropped = len(kept) < len(self._waiting)
        self._waiting = kept
        return dropped

    def take(self) -> list[Entry[T]]:
        """The oldest window with those that are like it, as many as the limit lets; empty where there is none.

        The oldest always goes, so none is passed over for ever.
        """
        batch: list[Entry[T]] = []
        kept: list[Entry[T]] = []
        seconds = 0.0
        for entry in self._waiting:
            alike = not batch or entry.likeness == batch[0].likeness
            if alike and self._limit.has_room(len(batch) + 1, seconds + entry.seconds):
                batch.append(entry)
                seconds += entry.seconds
            else:
                kept.append(entry)
        self._waiting = kept
        return batch
