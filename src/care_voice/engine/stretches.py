"""Where the language changes within a window, from what each span of speech sounds like. Pure.

A short span says little about its language, and a mistaken change costs both sides their words. So the languages of all
spans are chosen together: the most probable sequence, in which every change has a price (Viterbi's algorithm).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

Spans = Sequence[tuple[float, float]]

_CHANGE_COST = 2.0
"""A change must make the spans more probable by this much (natural logarithm): a factor of 7."""

_FLOOR = 1e-4
"""Least probability of a language: one span must not rule it out for all."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Neighbouring spans of one language: sound from `start_s` to `end_s`, `speech` counted from `start_s`.

    `share` is the mean probability of the language in them.
    """

    start_s: float
    end_s: float
    speech: tuple[tuple[float, float], ...]
    language: str
    share: float


def stretches(spans: Spans, shares: Sequence[Mapping[str, float]], length_s: float) -> list[Stretch]:
    """Cut a window where its language changes, in the middle of the pause there.

    Args:
        spans: Speech in the window, seconds from its start.
        shares: Probability of each language in each span; empty where it is too short to tell.
        length_s: Length of the window.
    """
    chosen = likely_languages(shares)
    groups = [list(group) for _, group in groupby(range(len(spans)), key=lambda n: chosen[n])]
    cuts = [(spans[left[-1]][1] + spans[right[0]][0]) / 2 for left, right in pairwise(groups)]
    edges = list(pairwise([0.0, *cuts, length_s]))
    return [
        _stretch([spans[n] for n in group], [shares[n] for n in group], edge, chosen[group[0]])
        for group, edge in zip(groups, edges, strict=True)
    ]


def main_language(parts: Sequence[Stretch]) -> tuple[str, float]:
    """The language of the most speech, and the greatest share of it in one of its stretches."""
    spoken: dict[str, float] = {}
    for part in parts:
        spoken[part.language] = spoken.get(part.language, 0.0) + sum(end - start for start, end in part.speech)
    language = max(spoken, key=lambda one: spoken[one])
    return language, max(part.share for part in parts if part.language == language)


def likely_languages(shares: Sequence[Mapping[str, float]]) -> list[str]:
    """The most probable sequence of languages, one for each span; at least one span must tell its own."""
    languages = sorted({language for share in shares for language in share})
    totals = dict.fromkeys(languages, 0.0)
    before: list[dict[str, str]] = []
    for share in shares:
        best = max(languages, key=lambda language: totals[language])
        changed = totals[best] - _CHANGE_COST
        before.append({one: best if totals[one] < changed else one for one in languages})
        totals = {one: max(totals[one], changed) + _evidence(share, one) for one in languages}
    path = [max(languages, key=lambda language: totals[language])]
    for came_from in reversed(before[1:]):
        path.append(came_from[path[-1]])
    return path[::-1]


def _evidence(share: Mapping[str, float], language: str) -> float:
    return math.log(max(share.get(language, 0.0), _FLOOR)) if share else 0.0


def _stretch(spans: Spans, shares: Sequence[Mapping[str, float]], edge: tuple[float, float], language: str) -> Stretch:
    start_s, end_s = edge
    told = [share.get(language, 0.0) for share in shares if share]
    speech = tuple((start - start_s, end - start_s) for start, end in spans)
    return Stretch(start_s, end_s, speech, language, sum(told) / len(told) if told else 0.0)
