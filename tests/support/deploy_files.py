"""The files under deploy/ and the programs that check them, which scripts/deploy-tools.sh fetches."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
DEPLOY = PROJECT / "deploy"
CHART = DEPLOY / "helm" / "care-voice"
_TOOLS = PROJECT / "data" / "tools"
_ELSEWHERE = {"quadlet": "/usr/libexec/podman/quadlet"}


def tool(name: str) -> str:
    """Path of a program, from data/tools or the machine; the test is skipped where there is none."""
    places = (_TOOLS / name, _TOOLS / "python" / "bin" / name, Path(_ELSEWHERE.get(name, "/nowhere")))
    found = next((str(path) for path in places if path.exists()), None) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: ./test.sh fetches it where it can")
    return found


def checked(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Output of a program that must succeed."""
    ran = subprocess.run([*map(str, command)], capture_output=True, text=True, env=env, cwd=cwd, check=False)
    assert ran.returncode == 0, f"{command[0]}: {ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


def documents(text: str) -> list[Any]:
    """Every YAML document in a text that holds something."""
    return [document for document in yaml.safe_load_all(text) if document]


def rendered_chart(*options: str) -> list[Any]:
    """The manifests that helm makes of the chart."""
    ran = subprocess.run(
        [tool("helm"), "template", "demo", str(CHART), *options], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return documents(ran.stdout)


def examples() -> list[Path]:
    """Files with values that the chart ships as examples."""
    return sorted((CHART / "examples").glob("*.yaml"))


def compose(*files: str) -> Any:
    """Compose files merged by Compose itself, with every profile; variables have their defaults."""
    named = [part for file in files for part in ("--file", str(DEPLOY / "compose" / file))]
    everything = [part for profile in PROFILES for part in ("--profile", profile)]
    program = tool("docker-compose")
    return yaml.safe_load(checked(program, *named, *everything, "config", env={"PATH": "/usr/bin:/bin"}))


PROFILES = ("cpu", "gpu", "monitoring", "bridge", "bridge-gpu")


def unit_lines(text: str, key: str) -> Iterator[str]:
    """Values of a key in a unit of systemd or of quadlet."""
    return (line.partition("=")[2] for line in text.splitlines() if line.partition("=")[0] == key)


def unit_environment(text: str) -> dict[str, str]:
    """Environment= of a unit."""
    pairs = (pair for line in unit_lines(text, "Environment") for pair in line.split())
    return dict(pair.split("=", 1) for pair in pairs)


def seconds(text: str) -> float:
    """A duration as Compose and Kubernetes write it: 1m30s."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)([hms])", text))
