"""What languages are spoken in a window: what the runtime is to hear for that, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from care_voice.domain.errors import InvalidParameter
from care_voice.engine.backends.runtime import Hear, Languages
from care_voice.engine.protocol import SAMPLE_RATE
from care_voice.engine.stretches import Spans, Stretch, stretches

_MIN_TELLING_S = 1.0
"""A shorter span of speech does not tell its language."""

T = TypeVar("T")

Samples = npt.NDArray[np.float32]
Hearing = Generator[Hear, Languages, T]
"""Yields what the runtime is to tell the language of, is sent the answer, and returns what it makes of it."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A language that is not known beforehand: the most probable of `candidates` (empty: of all), for the whole window,
    or for each stretch of it where it `changes`. A `patient` window lets others go before it.
    """

    candidates: Sequence[str] = ()
    changes: bool = False
    patient: bool = False


class Detector:
    """Detects languages.

    Args:
        encode: Gives sound to the runtime, at the length at which it is decoded first.
        multilingual: Whether the model knows more than English.
    """

    def __init__(self, encode: Callable[[Samples], Any], *, multilingual: bool) -> None:
        self._encode = encode
        self._multilingual = multilingual

    def parts(self, samples: Samples, speech: Spans, detection: Detection) -> Hearing[tuple[list[Stretch], list[Any]]]:
        """A window, cut where its language changes; and its sound, if all of it was encoded for that.

        Raises:
            InvalidParameter: The model knows none of the candidates.
        """
        length_s = len(samples) / SAMPLE_RATE
        if detection.changes and any(_tells(span) for span in speech):
            found: list[Mapping[str, float]] = []
            for span in speech:
                found.append((yield from self._of_span(samples, span, detection)))  # noqa: PERF401 - it cannot yield
            return stretches(speech, found, length_s), []
        shares, heard = yield from self._shares(samples, detection)
        language, share = max(shares.items(), key=lambda pair: pair[1])
        return [Stretch(0.0, length_s, tuple(speech), language, share)], heard

    def _of_span(
        self, samples: Samples, span: tuple[float, float], detection: Detection
    ) -> Hearing[Mapping[str, float]]:
        if not _tells(span):
            return {}
        start, end = (round(time * SAMPLE_RATE) for time in span)
        shares, _ = yield from self._shares(samples[start:end], detection)
        return shares

    def _shares(self, samples: Samples, detection: Detection) -> Hearing[tuple[Mapping[str, float], list[Any]]]:
        """The probability of each candidate among all languages, and what was encoded."""
        if not self._multilingual:
            return {"en": 1.0}, []
        encoded = self._encode(samples)
        ranked = yield Hear(encoded, detection.patient)
        shares = {code: share for code, share in ranked if not detection.candidates or code in detection.candidates}
        if not shares:
            raise InvalidParameter(param="languages", why="this model knows none of them")
        return shares, [encoded]


def _tells(span: tuple[float, float]) -> bool:
    return span[1] - span[0] >= _MIN_TELLING_S
