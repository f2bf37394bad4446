"""What is asked of a server: the fields of the form, by what it can do. Pure."""

from __future__ import annotations

import struct
from enum import Enum

from care_voice.engine.protocol import SAMPLE_RATE, DecodeWindow

Fields = dict[str, str | list[str]]
_PROMPT_BYTES = 446
"""Two for each of the 223 tokens that Whisper keeps of a prompt; names have 2.4, in Chinese and in English."""
_COMMAS = ",，、"
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class Dialect(Enum):
    """From the most that a server can give to the least; many refuse what they do not know."""

    WORDS = "words"
    SEGMENTS = "segments"
    TEXT = "text"


def path_of(task: str) -> str:
    """Where a window goes, below the base URL."""
    return "audio/translations" if task == "translate" else "audio/transcriptions"


def fields_of(request: DecodeWindow, model: str, dialect: Dialect, *, extensions: bool = False) -> Fields:
    """All fields but the file. Translations take neither languages nor granularities.

    With `extensions` the server is another Care Voice: it gets the decoding as it was asked for. Others are told what
    the OpenAI API has a field for.
    """
    response_format = "json" if dialect is Dialect.TEXT else "verbose_json"
    fields: Fields = {"model": model, "response_format": response_format}
    fields |= _extended(request) if extensions else _plain(request)
    if request.task == "translate":
        return fields
    if dialect is Dialect.WORDS:
        fields["timestamp_granularities[]"] = ["word", "segment"]
    if request.language:
        fields["language"] = request.language
    elif request.languages:
        fields["languages[]"] = list(request.languages)
    return fields


def _plain(request: DecodeWindow) -> Fields:
    temperature = request.temperatures[0] if request.temperatures else 0.0
    return {"temperature": f"{temperature:g}"} | _told(prompt=_context(request))


def _extended(request: DecodeWindow) -> Fields:
    """Beam size and ladder are named, so that of the profile only the two sizes of a window are left."""
    fields: Fields = {
        "profile": "accurate" if request.both_sizes else "balanced",
        "beam_size": str(request.beam_size),
        "temperatures[]": [f"{one:g}" for one in request.temperatures],
    }
    return fields | _told(prompt=request.prompt, hotwords=request.hotwords)


def _told(**texts: str | None) -> Fields:
    return {name: text for name, text in texts.items() if text}


def _context(request: DecodeWindow) -> str:
    """Hotwords stand before the prompt, as with an engine here.

    The last of them are left out where there is no room: Whisper forgets the beginning of a long prompt, and some
    servers refuse one. A prompt goes out as it was given.
    """
    prompt = request.prompt or ""
    room = max(_PROMPT_BYTES // 2, _PROMPT_BYTES - len(prompt.encode()))
    hotwords = (request.hotwords or "").encode()
    kept = hotwords[:room].decode(errors="ignore")
    if len(hotwords) > room:
        whole = max(kept.rfind(comma) for comma in _COMMAS)
        kept = kept[:whole] if whole > 0 else kept
    return " ".join(text for text in (kept, prompt) if text)


def wav(pcm: bytes) -> bytes:
    """16 kHz mono 16-bit samples as a RIFF WAVE file."""
    size, rate = len(pcm), SAMPLE_RATE
    head = _HEADER.pack(b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)
    return head + pcm
