"""What is asked of a server: the fields of the form, by what it can do. Pure."""

from __future__ import annotations

import struct
from enum import Enum

from care_voice.engine.protocol import SAMPLE_RATE, DecodeWindow

Fields = dict[str, str | list[str]]
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class Dialect(Enum):
    """From the most that a server can give to the least; many refuse what they do not know."""

    WORDS = "words"
    SEGMENTS = "segments"
    TEXT = "text"


def path_of(task: str) -> str:
    """Where a window goes, below the base URL."""
    return "audio/translations" if task == "translate" else "audio/transcriptions"


def fields_of(request: DecodeWindow, model: str, dialect: Dialect) -> Fields:
    """All fields but the file. Translations take neither languages nor granularities."""
    temperature = request.temperatures[0] if request.temperatures else 0.0
    response_format = "json" if dialect is Dialect.TEXT else "verbose_json"
    fields: Fields = {"model": model, "response_format": response_format, "temperature": f"{temperature:g}"}
    if request.prompt:
        fields["prompt"] = request.prompt
    if request.task == "translate":
        return fields
    if dialect is Dialect.WORDS:
        fields["timestamp_granularities[]"] = ["word", "segment"]
    if request.language:
        fields["language"] = request.language
    elif request.languages:
        fields["languages[]"] = list(request.languages)
    return fields


def wav(pcm: bytes) -> bytes:
    """16 kHz mono 16-bit samples as a RIFF WAVE file."""
    size, rate = len(pcm), SAMPLE_RATE
    head = _HEADER.pack(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)
    return head + pcm
