"""A library that reports home is kept from it: ONNX Runtime would, from version 1.29 on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Loading a session is enough: the library then keeps a number for the machine, and what it has to report, in HOME.
_PROGRAM = "from care_voice.engine.backends import silero; silero.load_session()"


def test_a_session_of_onnx_runtime_leaves_no_number_and_nothing_to_report(tmp_path: Path) -> None:
    # It also keeps still where it takes the machine for one that runs tests.
    variables = {name: value for name, value in os.environ.items() if name in {"PATH", "PYTHONPATH"}}
    command = [sys.executable, "-c", _PROGRAM]
    subprocess.run(command, env={**variables, "HOME": str(tmp_path)}, timeout=60, check=True)
    assert [str(path) for path in tmp_path.rglob("*")] == []
