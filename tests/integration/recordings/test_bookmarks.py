"""A media worker that begins at a bookmark gives what it would have given there anyway, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_voice.engine.media import MediaReader
from care_voice.engine.protocol import MediaDone, MediaOpened, MediaWindow, OpenMedia, VadOptions

FILES = ["long/printing-lj001.mp3", "dialogue/two-readers-alternating.flac"]


@pytest.fixture(scope="module")
def reader() -> MediaReader:
    return MediaReader()


def opened(path: Path, bookmark: bytes = b"", vad: VadOptions | None = None) -> OpenMedia:
    return OpenMedia(0, "test", str(path), 3600.0, vad or VadOptions(), bookmark)


def windows(reader: MediaReader, request: OpenMedia) -> list[MediaWindow]:
    return [event for event in reader.read(request) if isinstance(event, MediaWindow)]


@pytest.mark.parametrize("name", FILES)
def test_reading_goes_on_at_any_window(reader: MediaReader, speech: Path, name: str) -> None:
    path = speech / name
    whole = windows(reader, opened(path))
    assert [window.number for window in whole] == list(range(len(whole)))

    for window in whole[::2]:
        again = windows(reader, opened(path, window.bookmark))
        assert again[0].number <= window.number
        assert again == whole[again[0].number :]


def test_the_length_is_told_as_ever(reader: MediaReader, speech: Path) -> None:
    path = speech / FILES[0]
    whole = list(reader.read(opened(path)))
    marked = [event for event in whole if isinstance(event, MediaWindow)][-1]
    again = list(reader.read(opened(path, marked.bookmark)))

    ends = [[event for event in events if isinstance(event, MediaOpened | MediaDone)] for events in (whole, again)]
    assert ends[0] == ends[1]


@pytest.mark.parametrize("bookmark", [b"x", b"\x95\x01\x02\x03\x04\x05"])
def test_what_is_no_bookmark_is_as_none(reader: MediaReader, speech: Path, bookmark: bytes) -> None:
    path = speech / FILES[1]

    assert windows(reader, opened(path, bookmark)) == windows(reader, opened(path))


def test_a_bookmark_counts_for_the_options_it_was_made_with(reader: MediaReader, speech: Path) -> None:
    path, other = speech / FILES[1], VadOptions(threshold=0.6)
    bookmark = windows(reader, opened(path))[-1].bookmark

    assert windows(reader, opened(path, bookmark, other)) == windows(reader, opened(path, vad=other))
