"""Settings of the remote engine: what is refused because private sound would leave, and that the key never shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_voice.config import load_settings
from care_voice.domain.errors import SettingsInvalid
from care_voice.remote.settings import RemoteSettings

KEY = "sk-very-secret"


def loaded(tmp_path: Path, **settings: str) -> RemoteSettings:
    variables = {f"CARE_VOICE_{name}": value for name, value in settings.items()}
    return load_settings(
        {"CARE_VOICE_DATA_DIR": str(tmp_path), "CARE_VOICE_ENGINE__KIND": "remote", **variables}
    ).remote


@pytest.mark.parametrize(
    "url",
    ["https://speech.example/v1", "http://127.0.0.1:8000/v1", "http://127.1.2.3/v1", "http://localhost:3000/v1",
     "http://[::1]:3000/v1"],
)  # fmt: skip
def test_these_addresses_are_safe(url: str) -> None:
    assert RemoteSettings(url=url).url == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://10.0.0.5:8000/v1", "in clear"),
        ("http://speech.example/v1", "in clear"),
        ("http://localhost.example/v1", "in clear"),
        ("https://me:pass@speech.example/v1", "API_KEY"),
        ("https://speech.example/v1?key=1", "path"),
        ("ftp://speech.example/v1", "https"),
        ("speech.example/v1", "https"),
        ("https:///v1", "host"),
    ],
)
def test_these_are_not(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        RemoteSettings(url=url)


def test_plaintext_can_be_asked_for(tmp_path: Path) -> None:
    url = "http://10.0.0.5:8000/v1"
    assert loaded(tmp_path, REMOTE__URL=url, REMOTE__ALLOW_PLAINTEXT="true").url == url


def test_a_remote_engine_needs_an_address(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="CARE_VOICE_REMOTE__URL"):
        loaded(tmp_path)


def test_the_key_is_in_no_text_of_the_settings(tmp_path: Path) -> None:
    remote = loaded(tmp_path, REMOTE__URL="https://x.example/v1", REMOTE__API_KEY=KEY)
    assert remote.read_key() == KEY
    assert KEY not in f"{remote!r} {remote}"


@pytest.mark.parametrize("key", [f"{KEY}\nX-Other: 1", f"{KEY} and more", f"{KEY}é"])
def test_a_key_that_no_header_can_hold_is_refused_without_being_shown(tmp_path: Path, key: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        loaded(tmp_path, REMOTE__URL="https://x.example/v1", REMOTE__API_KEY=key)
    assert KEY not in caught.value.message


def test_a_key_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    file = tmp_path / "key"
    remote = RemoteSettings(api_key_file=file)
    with pytest.raises(FileNotFoundError):
        remote.read_key()
    file.write_text(f"{KEY}\n")
    assert remote.read_key() == KEY
    file.write_text("\n")
    with pytest.raises(ValueError, match="empty"):
        remote.read_key()


def test_there_is_one_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="both"):
        RemoteSettings(api_key=KEY, api_key_file=tmp_path)
