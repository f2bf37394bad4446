"""The pipelines of GitHub: their shape by GitHub's schema, their steps by the shell and by what they call."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.deploy_files import DEPLOY, PROJECT, checked, tool

WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yaml"))
SCRIPTS = [DEPLOY / "compose" / name for name in ("prepare", "upgrade", "common.sh")]


def steps(path: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def commands() -> str:
    return "\n".join(step["run"] for path in WORKFLOWS for step in steps(path) if "run" in step)


def test_they_have_the_shape_that_github_asks_for() -> None:
    checked(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_shell_can_read_every_step_and_nothing_foreign_is_put_into_one(path: Path) -> None:
    for step in steps(path):
        if "run" in step:
            assert "${{" not in step["run"], "what others can choose must come by the environment"
            subprocess.run(["bash", "-n"], input=step["run"], text=True, check=True)


def test_they_call_what_is_there() -> None:
    called = set(re.findall(r"(?:^|\s)((?:scripts|\.ci)/[\w-]+)", commands()))
    assert {".ci/run", "scripts/build-image"} <= called
    for path in called:
        assert os.access(PROJECT / path, os.X_OK), path


def test_only_a_release_may_write_and_only_what_it_must() -> None:
    for path in WORKFLOWS:
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        for job in workflow["jobs"].values():
            granted = {name for name, level in job.get("permissions", {}).items() if level == "write"}
            assert granted <= {"packages", "id-token"}


def test_no_action_of_others_is_used() -> None:
    used = {step["uses"].partition("@")[0] for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert used == {"actions/checkout"}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_shell_can_read_the_scripts(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
