"""Where the entrance's sockets are when the data directory's path is too long for them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from care_voice.domain.deploy_errors import EntranceFailed
from care_voice.ops.entrance.keeper import Entrance
from care_voice.ops.entrance.settings import EntranceSettings


def test_a_directory_that_somebody_else_made_in_its_place_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    entrance = Entrance(EntranceSettings(haproxy="no-such-program"), tmp_path / ("long" * 20))
    (short,) = tmp_path.glob("care-voice-*")
    assert short.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(short)
    short.mkdir()
    short.chmod(0o777)
    with pytest.raises(EntranceFailed, match="belongs to somebody else"):
        entrance.ensure()
