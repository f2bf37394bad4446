"""How many people have a browser for which there is a tested way to record or to upload."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]


def test_nearly_everybody_has_a_tested_way_and_the_docs_say_so() -> None:
    node = shutil.which("node")
    if node is None or not (PROJECT / "web" / "node_modules" / "caniuse-lite").is_dir():
        pytest.skip("Node or the packages of the web app are not installed: ./test.sh installs them")
    ran = subprocess.run(
        [node, "scripts/browser-coverage.mjs"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"under 99.9 %:\n{ran.stdout}{ran.stderr}"
    assert ran.stdout in (PROJECT / "docs" / "browsers.md").read_text(encoding="utf-8")
