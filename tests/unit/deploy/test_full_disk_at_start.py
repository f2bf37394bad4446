"""A service that cannot begin because the disk is full is tried again; one that may not write has to be mended."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from care_voice.cli.serving import EX_CONFIG, EX_TEMPFAIL, serve


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, EX_TEMPFAIL), (errno.EROFS, EX_CONFIG)])
def test_the_exit_code_says_whether_it_may_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise OSError(number, "refused")

    monkeypatch.setenv("CARE_VOICE_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(Path, "write_text", refuses)
    with pytest.raises(SystemExit) as ended:
        serve()
    assert ended.value.code == code
