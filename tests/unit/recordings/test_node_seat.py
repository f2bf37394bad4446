"""A node's seat: taken while its process lives, free at once when that is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from care_voice.domain.ids import new_id
from care_voice.service.node_seat import NodeSeat

HOLD = """
import sys
from pathlib import Path
from care_voice.service.node_seat import NodeSeat
NodeSeat(Path(sys.argv[1]), sys.argv[2]).gone()
print("taken", flush=True)
sys.stdin.read()
"""


def test_a_seat_is_free_as_soon_as_its_process_was_killed(tmp_path: Path) -> None:
    mine, other = NodeSeat(tmp_path, new_id("node", 2.0)), new_id("node", 1.0)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), other], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"taken\n"
        assert mine.gone() == []
        process.kill()
    assert mine.gone() == [other]
    mine.bury([other])
    assert mine.gone() == []
    mine.leave()
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_seat_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    seat = NodeSeat(tmp_path, new_id("node", 1.0))
    assert seat.gone() == []
    seat.leave()
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_seats_of_one_process_do_not_take_each_other_for_dead(tmp_path: Path) -> None:
    first, second = NodeSeat(tmp_path, new_id("node", 1.0)), NodeSeat(tmp_path, new_id("node", 2.0))
    assert (first.gone(), second.gone(), first.gone()) == ([], [], [])
    first.leave()
    assert second.gone() == []
    second.leave()


def test_a_file_system_without_locks_costs_no_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    opened: list[int] = []
    really = os.open
    monkeypatch.setattr(os, "open", lambda *about, **more: opened.append(really(*about, **more)) or opened[-1])  # type: ignore[func-returns-value]
    seat = NodeSeat(tmp_path / "nodes", new_id("node", 1.0))

    with pytest.raises(OSError, match="No locks"):
        seat.gone()

    assert len(opened) == 1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
