"""Which files of a folder are taken for recordings."""

from __future__ import annotations

from pathlib import PurePath

import pytest

from care_voice.domain.media_files import folder_tags, is_media_name


@pytest.mark.parametrize("name", ["a.wav", "A.MP3", "口述.m4a", "x.y.flac", "call.AMR", "dictation.ds2"])
def test_a_recording_is_known_by_its_name(name: str) -> None:
    assert is_media_name(name)


@pytest.mark.parametrize("name", ["letter.txt", "wav", ".wav", "a.wav.part", "a.wav.sha256", "scan.png", ""])
def test_other_files_are_not(name: str) -> None:
    assert not is_media_name(name)


@pytest.mark.parametrize(
    ("path", "tags"),
    [("a.wav", ()), ("2024/a.wav", ("2024",)), ("2024/家訪/a.wav", ("2024", "家訪")), ("x/ /x/a.wav", ("x",))],
)
def test_folders_become_tags(path: str, tags: tuple[str, ...]) -> None:
    assert folder_tags(PurePath(path)) == tags
