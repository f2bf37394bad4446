"""scripts/setup.sh, with a Python that only says what it is asked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

_SETUP = Path(__file__).resolve().parents[2] / "scripts" / "setup.sh"
_PYTHON = '#!/bin/sh\n[ "$1" = -c ] || echo "$@" >> asked\n'
_CALL = f'source "{_SETUP}"; install_locked() {{ :; }}; changed() {{ return 1; }}; setup_venv'


@pytest.mark.parametrize(("there", "made"), [((), True), (("python",), True), (("python", "pip"), False)])
def test_an_environment_that_was_broken_off_before_it_had_pip_is_made_anew(
    tmp_path: Path, there: tuple[str, ...], made: bool
) -> None:
    program = tmp_path / "python"
    for path in (program, *(tmp_path / ".venv" / "bin" / name for name in there)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_PYTHON, encoding="utf-8")
        path.chmod(0o755)
    environment = {"PYTHON": str(program), "PATH": "/usr/bin:/bin"}
    subprocess.run(["bash", "-c", _CALL], cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=30)
    asked = tmp_path / "asked"
    assert asked.exists() is made
    assert not made or asked.read_text(encoding="utf-8") == "-m venv .venv\n"
