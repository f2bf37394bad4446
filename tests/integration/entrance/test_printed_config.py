"""`care-voice entrance config` prints what HAProxy takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.entrances import needs_haproxy
from support.server import environment

pytestmark = needs_haproxy


def printed(tmp_path: Path, *options: str, **settings: str) -> str:
    variables = {f"CARE_VOICE_{name}": value for name, value in settings.items()}
    command = [sys.executable, "-m", "care_voice", "entrance", "config", "--run-dir", str(tmp_path), *options]
    return subprocess.check_output(command, env=environment(tmp_path, tmp_path, variables), text=True)


@pytest.mark.parametrize("options", [(), ("--blue", "blue:3000", "--green", "[2001:db8::2]:3000")])
def test_what_is_printed_is_taken(tmp_path: Path, options: tuple[str, ...]) -> None:
    file = tmp_path / "haproxy.cfg"
    file.write_text(printed(tmp_path, *options))

    found = subprocess.run(["haproxy", "-c", "-f", str(file)], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert all(address in file.read_text() for address in options[1::2])


def test_the_settings_count(tmp_path: Path) -> None:
    text = printed(tmp_path, API__HOST="0.0.0.0", API__PORT="8443", ENTRANCE__MAX_CONNECTIONS="77")

    assert "bind 0.0.0.0:8443\n" in text
    assert "maxconn 77\n" in text
