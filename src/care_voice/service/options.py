"""What a caller may ask of a transcription, and what counts where it asks nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, Protocol

from care_voice.domain.chinese import Script
from care_voice.domain.errors import InvalidParameter, UnsupportedParameter
from care_voice.domain.languages import LANGUAGES, language_advice
from care_voice.engine.protocol import VadOptions

Task = Literal["transcribe", "translate"]
Profile = Literal["fast", "balanced", "accurate"]
LanguageDetection = Literal["recording", "window"]

MAX_BEAM_SIZE = 10
MAX_TEMPERATURES = 10


@dataclass(frozen=True, slots=True)
class Effort:
    """What a profile stands for. The temperature rises by `ladder_step` each time that the guard rails complain; with
    `both_sizes` a window shorter than 30 s is decoded at its own size and at 30 s, and the more probable words count.
    """

    beam_size: int
    ladder_step: float
    both_sizes: bool = False


PROFILES: dict[Profile, Effort] = {
    "fast": Effort(beam_size=1, ladder_step=0.5),
    "balanced": Effort(beam_size=5, ladder_step=0.2),
    "accurate": Effort(beam_size=8, ladder_step=0.2, both_sizes=True),
}
"""docs/api.md has what they cost and gain."""


class Defaults(Protocol):
    """The operator's choices, which count where a request makes none; `beam_size` 0 is the profile's."""

    @property
    def profile(self) -> Profile: ...

    @property
    def beam_size(self) -> int: ...

    @property
    def hotwords(self) -> str: ...

    @property
    def language_detection(self) -> LanguageDetection: ...

    @property
    def script(self) -> Script: ...


@dataclass(frozen=True, slots=True)
class Decoding:
    """How windows are decoded, with every default filled in."""

    beam_size: int
    temperatures: tuple[float, ...]
    hotwords: str | None
    both_sizes: bool
    language_changes: bool


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """One request's wishes; what is None is left to the profile and to the operator.

    `language` None means that it is detected, among `languages` where that is not empty. `temperature` is where the
    ladder starts, `temperatures` the whole ladder. `hotwords` empty means none, whatever the operator favours. `script`
    is how Chinese is written.
    """

    task: Task = "transcribe"
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str | None = None
    temperature: float | None = None
    vad: VadOptions = field(default_factory=VadOptions)
    profile: Profile | None = None
    beam_size: int | None = None
    temperatures: tuple[float, ...] = ()
    hotwords: str | None = None
    language_detection: LanguageDetection | None = None
    script: Script | None = None

    def __post_init__(self) -> None:
        """Raises InvalidParameter where a value is out of range, or two contradict each other."""
        for param, code in [("language", self.language), *(("languages", code) for code in self.languages)]:
            if code is not None and code not in LANGUAGES:
                raise InvalidParameter(param=param, why=language_advice(code))
        if self.language is not None and self.languages:
            raise InvalidParameter(param="languages", why="give 'language' or 'languages', not both")
        if self.temperature is not None and not 0.0 <= self.temperature <= 1.0:
            raise InvalidParameter(param="temperature", why="it must be between 0 and 1")
        if self.beam_size is not None and not 1 <= self.beam_size <= MAX_BEAM_SIZE:
            raise InvalidParameter(param="beam_size", why=f"it must be between 1 and {MAX_BEAM_SIZE}")
        if self.language is not None and self.language_detection == "window":
            raise InvalidParameter(param="language_detection", why="nothing is detected where 'language' is given")
        self._check_ladder()

    def _check_ladder(self) -> None:
        problem = _ladder_problem(self.temperatures)
        if self.temperatures and self.temperature is not None:
            problem = "give 'temperature' or 'temperatures', not both"
        if problem:
            raise InvalidParameter(param="temperatures", why=problem)

    def require_remote(self, *, decodes_as_asked: bool) -> None:
        """Whether a server elsewhere can do what is named here; the operator's choices are not looked at.

        `balanced` is let through: it names nothing that such servers do not do by themselves.

        Raises:
            UnsupportedParameter: The server would never hear of it.
        """
        beyond = {"language_detection": self.language_detection == "window"}
        if not decodes_as_asked:
            beyond["profile"] = self.profile not in (None, "balanced")
            beyond["beam_size"] = self.beam_size is not None
            beyond["temperatures"] = bool(self.temperatures)
        for param, named in beyond.items():
            if named:
                raise UnsupportedParameter(param=param, why="the remote engine cannot be told of it")

    def decoding(self, defaults: Defaults) -> Decoding:
        """How to decode: what is asked counts most, then the profile that is asked for, then the operator's choice."""
        effort = PROFILES[self.profile or defaults.profile]
        operators_beam = defaults.beam_size if self.profile is None else 0
        hotwords = defaults.hotwords if self.hotwords is None else self.hotwords
        detection = self.language_detection or defaults.language_detection
        return Decoding(
            beam_size=self.beam_size or operators_beam or effort.beam_size,
            temperatures=self.temperatures or ladder(self.temperature or 0.0, effort.ladder_step),
            hotwords=hotwords.strip() or None,
            both_sizes=effort.both_sizes,
            language_changes=detection == "window" and self.language is None,
        )


def ladder(start: float, step: float) -> tuple[float, ...]:
    """The temperatures that decoding climbs while its guard rails complain: from `start` to 1.0 in steps."""
    steps = round((1.0 - start) / step + 0.499)
    return tuple(min(1.0, round(start + step * n, 3)) for n in range(steps + 1))


def _ladder_problem(temperatures: tuple[float, ...]) -> str:
    if len(temperatures) > MAX_TEMPERATURES:
        return f"there must be at most {MAX_TEMPERATURES}"
    if not all(0.0 <= one <= 1.0 for one in temperatures):
        return "each must be between 0 and 1"
    return "" if all(low < high for low, high in pairwise(temperatures)) else "they must rise"
