"""Which files of a folder are recordings, judged by their names."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

_NAMES: Final = (
    "3ga 3gp aac ac3 aif aifc aiff amr ape asf au avi caf dct ds2 dss flac flv m4a m4b m4v mka mkv mov mp2 mp3 mp4 mpeg"
    " mpg mpga mts oga ogg ogv opus qta ra rm spx ts voc w64 wav wave webm wma wmv wv"
)
MEDIA_SUFFIXES: Final = frozenset(f".{name}" for name in _NAMES.split())


def is_media_name(name: str) -> bool:
    """Whether files with this name are usually audio or video; what they really are is seen when they are decoded."""
    return PurePath(name).suffix.lower() in MEDIA_SUFFIXES


def folder_tags(relative: PurePath) -> tuple[str, ...]:
    """The names of the folders that a file lies in, below the one that is imported."""
    return tuple(dict.fromkeys(part.strip() for part in relative.parent.parts if part.strip()))
