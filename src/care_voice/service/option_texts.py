"""Options of a transcription as text, as a recording keeps them until it is complete.

They have the names of the API's fields; a list has commas between its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from care_voice.service.options import TranscriptionOptions

_TEXTS = ("task", "language", "prompt", "profile", "hotwords", "language_detection", "script")


def to_texts(options: TranscriptionOptions) -> dict[str, str]:
    """What was asked for; what was left open is left out. How speech is found is not kept."""
    texts: dict[str, str] = {name: value for name in _TEXTS if (value := getattr(options, name)) is not None}
    texts |= {name: ",".join(map(str, values)) for name, values in _lists(options).items() if values}
    if options.temperature is not None:
        texts["temperature"] = str(options.temperature)
    if options.beam_size is not None:
        texts["beam_size"] = str(options.beam_size)
    return texts


def from_texts(texts: Mapping[str, str]) -> TranscriptionOptions:
    """The same options again.

    Raises:
        InvalidParameter: A value is not valid for this version.
        TypeError, ValueError: It was not written by `to_texts`.
    """
    values: dict[str, Any] = dict(texts)
    if "languages" in values:
        values["languages"] = tuple(texts["languages"].split(","))
    if "temperatures" in values:
        values["temperatures"] = tuple(float(each) for each in texts["temperatures"].split(","))
    if "temperature" in values:
        values["temperature"] = float(texts["temperature"])
    if "beam_size" in values:
        values["beam_size"] = int(texts["beam_size"])
    return TranscriptionOptions(**values)


def _lists(options: TranscriptionOptions) -> dict[str, tuple[object, ...]]:
    return {"languages": options.languages, "temperatures": options.temperatures}
