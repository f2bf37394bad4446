"""Where a query was found, as people see it: a stretch of the original text with the matches marked."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from care_voice.domain.searching import Unit, Wanted, fold, units

Field = Literal["title", "filename", "notes", "transcript", "tags"]
FIELDS: tuple[Field, ...] = ("title", "filename", "notes", "transcript", "tags")
"""The lines of a document's body in order; each tag has a line of its own at the end."""
WIDTH = 160
"""Characters of an excerpt."""
_Place = tuple[int, int]
_ELLIPSIS = "…"
_MOST_RANGES = 20
_MOST_SEGMENTS = 3
_WEIGHTS: dict[Field, float] = {"title": 8.0, "tags": 4.0, "filename": 2.0, "notes": 2.0, "transcript": 1.0}
# A character with the marks that are composed with it, so that each can be folded by itself.
_CLUSTER = re.compile("(?s:.)[\u0300-\u036f\u3099\u309a\uff9e\uff9f]*")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`ranges` are [start, end) in characters (Unicode code points) of `text`, in order, apart from each other."""

    text: str
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A field that has a match; of the transcript, which segment (from 0), and whether it ends in the one after."""

    field: Field
    segment: int = 0
    spills: bool = False


def find_hits(body: str, starts: Sequence[int], wanted: Sequence[Wanted]) -> list[Hit]:
    """Where a document has what a query asks for: each field once, and the first segments.

    `starts` are the offsets of the transcript's segments in the body.
    """
    lines = list(_lines(body))
    fields = [field for field, _, line in lines if any(each.needle in line for each in wanted)]
    hits = [Hit(field) for field in dict.fromkeys(fields) if field != "transcript"]
    spoken = next(((offset, line) for field, offset, line in lines if field == "transcript"), None)
    return hits if spoken is None or not starts else [*hits, *_in_transcript(*spoken, starts, wanted)]


def relevance(body: str, wanted: Sequence[Wanted]) -> float:
    """How much a document is about a query: occurrences by the weight of their field, each further one counting less.

    The saturation is BM25's (k1 = 1.5); lengths and rarity are left out, since a document has every word that is asked.
    """
    return sum(
        _WEIGHTS[field] * count / (count + 1.5)
        for field, _, line in _lines(body)
        for count in (line.count(each.needle) for each in wanted)
    )


def excerpt(text: str, wanted: Sequence[Wanted], width: int = WIDTH) -> Excerpt:
    """A stretch of at most `width` characters of a text, around the first match."""
    ranges = _merged(sorted(_ranges(text, wanted)))[:_MOST_RANGES]
    first = ranges[0][0] if ranges else 0
    start = max(0, min(first - width // 4, len(text) - width))
    end = min(len(text), start + width)
    before, after = _ELLIPSIS if start else "", _ELLIPSIS if end < len(text) else ""
    shift = len(before) - start
    inside = tuple((low + shift, min(high, end) + shift) for low, high in ranges if low < end)
    return Excerpt(before + text[start:end] + after, inside)


def _lines(body: str) -> Iterator[tuple[Field, int, str]]:
    offset = 0
    for number, line in enumerate(body.split("\n")):
        yield FIELDS[min(number, len(FIELDS) - 1)], offset, line
        offset += len(line) + 1


def _in_transcript(offset: int, line: str, starts: Sequence[int], wanted: Sequence[Wanted]) -> list[Hit]:
    found: dict[int, bool] = {}
    for each in wanted:
        place = line.find(each.needle)
        if place < 0:
            continue
        # The space before a word belongs to its segment, the one after it to the next.
        last = offset + place + len(each.needle.rstrip()) - 1
        number = bisect_right(starts, offset + place) - 1
        found[number] = found.get(number, False) or bisect_right(starts, last) - 1 > number
    return [Hit("transcript", number, spills) for number, spills in sorted(found.items())][:_MOST_SEGMENTS]


def _ranges(text: str, wanted: Sequence[Wanted]) -> Iterator[tuple[int, int]]:
    body, places = _located(text)
    for each in wanted:
        bare, place = len(each.needle.strip()), -1
        for _ in range(_MOST_RANGES):
            place = body.find(each.needle, place + 1)
            if place < 0:
                break
            first = place + (each.needle[0] == " ")
            yield places[first][0], places[first + bare - 1][1]


def _located(text: str) -> tuple[str, list[_Place]]:
    """The body of a text, and for each of its characters where it came from.

    Folding character by character differs from folding the whole in a few rare compositions, which are not marked then.
    """
    folded, places = _folded(text)
    parts: list[str] = []
    origins: list[_Place] = []
    unspaced = False
    for unit in units(folded):
        if not (unit.unspaced and unspaced):
            parts.append(" ")
            origins.append(places[unit.start])
        unspaced = unit.unspaced
        parts.append(unit.text)
        origins += _places_of(unit, folded, places)
    return "".join(parts) + " ", [*origins, (len(text), len(text))]


def _folded(text: str) -> tuple[str, list[_Place]]:
    if text.isascii():
        return text.lower(), [(place, place + 1) for place in range(len(text))]
    known: dict[str, str] = {}
    parts: list[str] = []
    places: list[_Place] = []
    for match in _CLUSTER.finditer(text):
        cluster = match.group()
        part = known.get(cluster)
        if part is None:
            part = known[cluster] = fold(cluster)
        parts.append(part)
        places += [match.span()] * len(part)
    return "".join(parts), places


def _places_of(unit: Unit, folded: str, places: list[_Place]) -> list[_Place]:
    """Those of a unit's characters; apostrophes are not in it."""
    if len(unit.text) == unit.end - unit.start:
        return places[unit.start : unit.end]
    return [places[index] for index in range(unit.start, unit.end) if folded[index] not in "'’"]


def _merged(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in ranges:
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged
