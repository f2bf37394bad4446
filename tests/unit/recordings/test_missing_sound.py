"""Sound that is deleted before a worker opens it is told as such, and by its own name."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_voice.audio.decode import open_media
from care_voice.domain.store_errors import AudioMissing
from care_voice.engine.protocol import Failed
from care_voice.supervisor.failures import to_error


def test_a_file_that_is_gone_is_missing_sound(tmp_path: Path) -> None:
    with pytest.raises(AudioMissing, match="part-1"), open_media(tmp_path / "part-1", 60.0):
        pass


def test_a_worker_may_say_so() -> None:
    error = to_error(Failed(0, "AudioMissing", {"key": "part-1"}))

    assert isinstance(error, AudioMissing)
    assert "part-1" in error.message
