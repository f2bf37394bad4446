"""Open the storage of sound that the settings name."""

from __future__ import annotations

from pathlib import Path

from care_voice.store.audio import AudioStore
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.audio_settings import AudioSettings

DIRECTORY_NAME = "recordings"


def open_audio(settings: AudioSettings, data_dir: Path, scratch: Path) -> AudioStore:
    """The storage; nothing is made or connected yet. Private copies of recordings are made in `scratch` for a while."""
    if settings.kind == "s3":
        from care_voice.store.audio_s3 import S3Audio  # noqa: PLC0415 - what a directory never needs

        return S3Audio(settings.s3, scratch)
    return DirectoryAudio(settings.directory or data_dir / DIRECTORY_NAME, scratch)
