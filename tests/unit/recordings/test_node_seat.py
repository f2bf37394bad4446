"""A seat that cannot be taken costs nothing."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from care_voice.domain.ids import new_id
from care_voice.service.node_seat import NodeSeat


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
