"""What is stored beside what is named: which objects nobody needs, and which are missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unnamed:
    """An object that no row names; `modified` in Unix seconds, by the storage's clock."""

    key: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Missed:
    """Rows need `needed` bytes of an object that has fewer, or is not there."""

    key: str
    needed: int


@dataclass(slots=True)
class Tally:
    """How much was compared."""

    objects: int = 0
    named: int = 0


def differences(
    stored: Iterable[tuple[str, int, float]], named: Iterable[tuple[str, int]], tally: Tally
) -> Iterator[Unnamed | Missed]:
    """Compare two sequences in the order of their keys: objects (key, size, modified), and keys with bytes needed."""
    objects, rows = iter(stored), iter(named)
    thing, row = next(objects, None), next(rows, None)
    while thing is not None or row is not None:
        if row is None or (thing is not None and thing[0] < row[0]):
            assert thing is not None
            yield Unnamed(*thing)
            tally.objects, thing = tally.objects + 1, next(objects, None)
            continue
        found = thing is not None and thing[0] == row[0]
        if thing is None or not found or thing[1] < row[1]:
            yield Missed(*row)
        key, tally.named, row = row[0], tally.named + 1, next(rows, None)
        # Two rows may name one object.
        if found and (row is None or row[0] != key):
            tally.objects, thing = tally.objects + 1, next(objects, None)


@dataclass(slots=True)
class Suspects:
    """Objects without a row. One is guilty when it is old, and was seen before as it is now.

    A writer names its object a moment after it was made, so age (`grace_s`) alone would do, if clocks could be trusted:
    one that is set forward makes every object old.
    """

    grace_s: float
    _seen: Mapping[str, Unnamed] = field(default_factory=dict)

    def guilty(self, found: Iterable[Unnamed], now: float) -> list[Unnamed]:
        """Those of `found`, which is everything that a look found, that were found by the look before too."""
        old = {each.key: each for each in found if each.modified < now - self.grace_s}
        before, self._seen = self._seen, old
        return [each for key, each in old.items() if before.get(key) == each]


def too_many(guilty: int, tally: Tally) -> bool:
    """Whether so many objects without a row are a sign that the rows are the wrong ones."""
    return guilty > 0 and (tally.named == 0 or guilty > max(100, tally.objects // 10))
