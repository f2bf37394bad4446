"""What a caller may ask of a transcription."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from care_voice.domain.errors import InvalidParameter
from care_voice.domain.languages import LANGUAGES
from care_voice.engine.protocol import VadOptions

Task = Literal["transcribe", "translate"]
_LADDER_STEP = 0.2


@dataclass(frozen=True, slots=True)
class TranscriptionOptions:
    """One request's wishes; `language` None means that it is detected, among `languages` where that is not empty."""

    task: Task = "transcribe"
    language: str | None = None
    languages: tuple[str, ...] = ()
    prompt: str | None = None
    temperature: float = 0.0
    vad: VadOptions = field(default_factory=VadOptions)

    def __post_init__(self) -> None:
        """Raises InvalidParameter where a value is out of range."""
        for param, code in [("language", self.language), *(("languages", code) for code in self.languages)]:
            if code is not None and code not in LANGUAGES:
                raise InvalidParameter(param=param, why=_language_advice(code))
        if not 0.0 <= self.temperature <= 1.0:
            raise InvalidParameter(param="temperature", why="it must be between 0 and 1")

    @property
    def temperatures(self) -> tuple[float, ...]:
        """The ladder that decoding climbs while its guard rails complain: up to 1.0 in steps of 0.2."""
        steps = round((1.0 - self.temperature) / _LADDER_STEP + 0.499)
        return tuple(min(1.0, round(self.temperature + _LADDER_STEP * n, 3)) for n in range(steps + 1))


def _language_advice(code: str) -> str:
    primary = code.lower().split("-")[0].split("_")[0]
    if primary in LANGUAGES:
        return f"'{code}' is not a language code here; use '{primary}'"
    by_name = {name: key for key, name in LANGUAGES.items()}
    if code.lower() in by_name:
        return f"'{code}' is a name; use the code '{by_name[code.lower()]}'"
    return f"'{code}' is not a language that this service knows; use an ISO-639-1 code such as 'zh' or 'en'"
