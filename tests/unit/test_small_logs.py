"""Logs that others write stay small, and whoever writes them notices nothing."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from care_voice.ops.background import PidFile
from care_voice.ops.logs import trim_log


def filled(path: Path, lines: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"line {number:05}\n" for number in range(lines)), encoding="ascii")
    return path


def older(path: Path) -> list[str]:
    return path.with_name(f"{path.name}.1").read_text(encoding="ascii").splitlines()


def test_a_log_that_is_small_is_left_alone(tmp_path: Path) -> None:
    path = filled(tmp_path / "server.log", 100)
    trim_log(path, largest=1100)
    assert path.stat().st_size == 1100
    assert [each.name for each in tmp_path.iterdir()] == ["server.log"]
    trim_log(tmp_path / "none.log", largest=10)


@pytest.mark.parametrize(("largest", "kept"), [(1099, 99), (110, 10), (115, 10)])
def test_the_end_of_a_large_one_is_kept_in_whole_lines(tmp_path: Path, largest: int, kept: int) -> None:
    path = filled(tmp_path / "server.log", 100)
    trim_log(path, largest)
    assert path.stat().st_size == 0
    assert older(path) == [f"line {number:05}" for number in range(100 - kept, 100)]
    assert path.with_name("server.log.1").stat().st_mode & 0o077 == 0


def test_another_process_goes_on_in_the_same_file(tmp_path: Path) -> None:
    path = filled(tmp_path / "server.log", 100)
    says = (
        "import sys\nfor line in sys.stdin: print(line, end='', flush=True); print('told', file=sys.stderr, flush=True)"
    )
    with path.open("ab") as log:
        writer = subprocess.Popen(
            [sys.executable, "-c", says], stdin=subprocess.PIPE, stdout=log, stderr=subprocess.PIPE, text=True
        )
    with writer:
        assert writer.stdin is not None
        assert writer.stderr is not None
        for line in ("before", "after"):
            writer.stdin.write(f"{line}\n")
            writer.stdin.flush()
            assert writer.stderr.readline() == "told\n"
            if line == "before":
                trim_log(path, largest=1000)
    assert path.read_bytes() == b"after\n"
    assert older(path)[-2:] == ["line 00099", "before"]


def test_a_full_disk_gets_its_room_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = filled(tmp_path / "server.log", 100)
    monkeypatch.setattr(shutil, "copyfileobj", full)
    trim_log(path, largest=10)
    assert path.stat().st_size == 0
    assert not path.with_name("server.log.1").exists()


def test_a_server_that_is_started_begins_with_a_small_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = filled(tmp_path / "server.log", 100)
    monkeypatch.setattr("care_voice.ops.logs.LARGEST_LOG_BYTES", 110)
    monkeypatch.setattr("sys.executable", "/bin/true")
    assert PidFile(tmp_path).spawn("serve").wait(10) == 0
    assert len(older(path)) == 10
