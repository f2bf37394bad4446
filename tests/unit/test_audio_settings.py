"""Settings of the storage of sound: what is refused, and that the secret never shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_voice.config import load_settings
from care_voice.domain.errors import SettingsInvalid
from care_voice.service.audio_upkeep import AudioUpkeepSettings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.audio_opening import open_audio
from care_voice.store.audio_s3 import S3Audio
from care_voice.store.audio_settings import AudioSettings, S3Settings


def loaded(tmp_path: Path, **settings: str) -> AudioSettings:
    variables = {f"CARE_VOICE_AUDIO__{name}": value for name, value in settings.items()}
    return load_settings({"CARE_VOICE_DATA_DIR": str(tmp_path), **variables}).audio


def test_without_settings_recordings_are_in_the_data_directory(tmp_path: Path) -> None:
    audio = open_audio(loaded(tmp_path), tmp_path, tmp_path / "incoming")
    assert isinstance(audio, DirectoryAudio)
    with audio.writer("rec_a", 0, 1) as writer:
        writer.write(b"x")
        (part,) = writer.sync()
    assert (tmp_path / "recordings" / part.key).read_bytes() == b"x"


def test_the_storage_is_the_one_that_is_asked_for(tmp_path: Path) -> None:
    assert loaded(tmp_path, DIRECTORY="/srv/sound").directory == Path("/srv/sound")
    s3 = loaded(tmp_path, KIND="s3", S3__BUCKET="b", S3__ACCESS_KEY="a", S3__SECRET_KEY="hidden-one", S3__ATTEMPTS="2")
    assert (s3.s3.bucket, s3.s3.attempts) == ("b", 2)
    assert isinstance(open_audio(s3, tmp_path, tmp_path), S3Audio)
    assert "hidden-one" not in repr(s3)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"KIND": "s3"}, "BUCKET"),
        ({"KIND": "tape"}, "directory, s3"),
        ({"S3__ENDPOINT": "http://10.0.0.5:9000"}, "in clear.*AUDIO__S3__ALLOW_PLAINTEXT"),
        ({"S3__ENDPOINT": "https://me:pass@s3.example"}, "ACCESS_KEY"),
        ({"S3__ACCESS_KEY": "alone"}, "belong together"),
        ({"S3__SECRET_KEY": "alone"}, "belong together"),
        ({"S3__PREFIX": "no-slash"}, "slash"),
        ({"S3__PREFIX": "/care/"}, "slash"),
        ({"S3__ATTEMPTS": "0"}, "at least 1"),
        ({"S3__READ_TIMEOUT_S": "0"}, "above 0"),
    ],
)
def test_what_cannot_work_or_is_not_safe_is_refused(tmp_path: Path, settings: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsInvalid, match=why):
        loaded(tmp_path, **settings)


def test_plaintext_can_be_asked_for() -> None:
    endpoint = "http://minio:9000"
    assert S3Settings(endpoint=endpoint, allow_plaintext=True).endpoint == endpoint
    assert S3Settings(endpoint="http://127.0.0.1:9000").bucket == ""


@pytest.mark.parametrize("wrong", [{"look_every_s": 0.0}, {"sweep_every_h": -1.0}, {"grace_h": 0.5}])
def test_upkeep_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        AudioUpkeepSettings(**wrong)
