"""`care-voice recordings import` as an administrator runs it, and as a loss of power ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from care_voice.store import recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support.server import environment
from support.waiting import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "old"
    (root / "2024" / "visits").mkdir(parents=True)
    (root / "2024" / "visits" / "a.wav").write_bytes(b"RIFF" * 1000)
    (root / "long.wav").write_bytes(os.urandom(1 << 20) * 160)
    (root / "notes.txt").write_text("nothing to hear\n", encoding="utf-8")
    return root


def start(data: Path, *arguments: str) -> subprocess.Popen[str]:
    settings = {"CARE_VOICE_INTAKE__KEEP_FREE_BYTES": "0", "CARE_VOICE_INTAKE__SYNC_BYTES": "1048576"}
    return subprocess.Popen(
        [sys.executable, "-m", "care_voice", "recordings", "import", *arguments],
        env=environment(data, data / "models", settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def imported(data: Path, *arguments: str) -> list[dict[str, Any]]:
    process = start(data, *arguments, "--json")
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    found: list[dict[str, Any]] = json.loads(output)
    return found


def database(data: Path) -> Database:
    return open_database(StoreSettings(), data)


def kept(data: Path) -> list[tuple[str, bytes, tuple[str, ...]]]:
    """Name, sound and tags of every recording."""
    store, audio = database(data), DirectoryAudio(data / "recordings")

    def work(connection: Connection) -> list[tuple[str, bytes, tuple[str, ...]]]:
        ids = [row["id"] for row in connection.fetch("SELECT id FROM recordings", {})]
        every = [recordings.get(connection, each) for each in ids]
        assert all(recording.complete for recording in every)
        return [(r.filename, b"".join(audio.read(recordings.parts(connection, r.id))), r.tags) for r in every]

    try:
        return sorted(store.read(work))
    finally:
        store.close()


def stamps(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """All that would show that a file was touched."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {path: (stat.st_size, stat.st_mtime_ns, stat.st_ino) for path, stat in found.items()}


def test_an_import_that_is_killed_again_and_again_ends_with_every_byte_once(tmp_path: Path, folder: Path) -> None:
    data, before = tmp_path / "data", stamps(folder)
    expected = [
        (path.name, path.read_bytes(), ("2024", "visits") if path.name == "a.wav" else ())
        for path in sorted(folder.rglob("*.wav"), key=lambda path: path.name)
    ]
    reached = 0
    for _ in range(2):
        reached = killed_when_more_is_kept(data, folder, reached)

    outcomes = {result["path"]: result["outcome"] for result in imported(data, str(folder), "--tag-folders")}
    assert outcomes == {"notes.txt": "skipped", "2024/visits/a.wav": "skipped", "long.wav": "resumed"}
    assert kept(data) == expected
    assert {result["outcome"] for result in imported(data, str(folder))} == {"skipped"}
    assert stamps(folder) == before


def killed_when_more_is_kept(data: Path, folder: Path, reached: int) -> int:
    """How much is kept after an import that was killed."""
    process = start(data, str(folder), "--tag-folders")
    wait_until(lambda: received(data) > reached + 5000 or process.poll() is not None, "more is kept")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert received(data) > reached, "what was durable is gone"
    return received(data)


def received(data: Path) -> int:
    """Bytes that are acknowledged so far."""
    if not (data / "care-voice.db").exists():
        return 0
    store = database(data)
    try:
        names = store.read(lambda c: c.fetch("SELECT name FROM sqlite_master WHERE name = 'recordings'", {}))
        rows = store.read(lambda c: c.fetch("SELECT SUM(received) AS bytes FROM recordings", {})) if names else []
        return int(rows[0]["bytes"] or 0) if rows else 0
    finally:
        store.close()


def test_what_is_said_is_for_people_and_the_exit_code_for_scripts(tmp_path: Path, folder: Path) -> None:
    process = start(tmp_path / "data", str(folder / "2024"), "--tag", "archive", "-l", "zh")
    output, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    assert "imported visits/a.wav (rec_" in output
    assert "1 imported, 0 skipped, 0 failed" in output
    assert kept(tmp_path / "data")[0][2] == ("archive",)

    for arguments, hint in ([str(folder / "nothing")], "cannot be read"), ([str(folder), "-l", "xx"], "'language'"):
        process = start(tmp_path / "data", *arguments)
        _, errors = process.communicate(timeout=100)
        assert process.returncode == 1
        assert hint in errors
        assert "Traceback" not in errors
