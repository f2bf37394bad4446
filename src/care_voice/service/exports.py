"""Stored transcripts as files for people who keep them elsewhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from care_voice.domain.formats import stored_json
from care_voice.domain.recordings import Recording
from care_voice.domain.stored import StoredTranscript
from care_voice.domain.subtitles import to_srt, to_text, to_vtt
from care_voice.service.documents import to_docx

_TEXTS: dict[str, tuple[str, Callable[[StoredTranscript], str]]] = {
    "txt": ("text/plain; charset=utf-8", to_text),
    "srt": ("application/x-subrip; charset=utf-8", to_srt),
    "vtt": ("text/vtt; charset=utf-8", to_vtt),
    "json": ("application/json", stored_json),
}
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

FORMATS = (*_TEXTS, "docx")
"""What a transcript can be exported as."""

_MOST_NAME_BYTES = 150
"""File systems take 255 bytes with the ending and whatever a browser adds."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*]+')
"""What some file system refuses in a name."""


@dataclass(frozen=True, slots=True)
class Export:
    """A file: its name with the ending, its media type, its bytes."""

    filename: str
    media_type: str
    body: bytes


def export(recording: Recording, transcript: StoredTranscript, wanted: str) -> Export:
    """The transcript as one of FORMATS. A document of an hour takes about a second of CPU time."""
    filename = f"{file_stem(recording)}.{wanted}"
    if wanted == "docx":
        return Export(filename, _DOCX, to_docx(title_of(recording), recording.created_at, transcript))
    media_type, render = _TEXTS[wanted]
    return Export(filename, media_type, render(transcript).encode())


def title_of(recording: Recording) -> str:
    """What a recording is called: its title, else its file's name, else its id."""
    return recording.title or PurePath(recording.filename).stem or recording.id


def file_stem(recording: Recording) -> str:
    """The recording's title as the name of a file that every system takes, without the ending."""
    name = _FORBIDDEN.sub(" ", title_of(recording))
    printable = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in name)
    short = " ".join(printable.split()).encode()[:_MOST_NAME_BYTES].decode(errors="ignore")
    return short.strip(". ") or recording.id
