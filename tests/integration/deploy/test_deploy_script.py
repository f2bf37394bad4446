"""./deploy.sh in a repository of the test's own: what it leaves, and what it makes of what a kill has left."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="Git is not installed")
_ROOT = Path(__file__).resolve().parents[3]
_COMMAND = """#!/bin/sh
# `deploy unused` as the program does it, with what the file `needed` names in a slot; all else is written down.
if [ "$2" = unused ]; then find "$3" -mindepth 1 -maxdepth 1 -type d | grep -vxFf needed; exit 0; fi
echo "$@" >> asked
"""
_SETUP = """
setup_venv() { touch set-up; }
setup_web() { :; }
"""


class Repository:
    """Two commits, `old` and `new`; `asked` is what `care-voice` was called with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        files = {"deploy.sh": (_ROOT / "deploy.sh").read_text(encoding="utf-8"), "scripts/setup.sh": _SETUP}
        for name, content in files.items():
            self._write(name, content)
        self.git("init", "--quiet")
        self.old = self._commit("old")
        self.new = self._commit("new")
        self._write(".venv/bin/care-voice", _COMMAND)
        (folder / "needed").touch()

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "deploy.sh", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60)

    def release(self, commit: str) -> Path:
        return self.folder / "data" / "releases" / commit

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text(encoding="utf-8").splitlines()

    def _commit(self, text: str) -> str:
        self._write("program.txt", text)
        self.git("add", "deploy.sh", "scripts", "program.txt")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "--short=12", "HEAD")

    def _write(self, name: str, content: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        path.chmod(0o755)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path.resolve())


def test_a_revision_is_set_up_beside_and_what_no_slot_needs_goes(repository: Repository) -> None:
    done = repository.deploy(repository.old, "--no-follow")
    assert done.returncode == 0, done.stderr
    release = repository.release(repository.old)
    assert (release / "set-up").exists()
    assert (release / "program.txt").read_text(encoding="utf-8") == "old"
    assert repository.asked == [f"deploy start {release} --no-follow"]
    (repository.folder / "needed").write_text(f"{release}\n", encoding="utf-8")
    assert repository.deploy().returncode == 0
    assert release.exists(), "a slot needs it"
    (repository.folder / "needed").write_text("", encoding="utf-8")
    assert repository.deploy().returncode == 0
    assert not release.exists()
    assert repository.release(repository.new).exists()


def test_a_checkout_that_was_broken_off_is_made_anew(repository: Repository) -> None:
    release = repository.release(repository.new)
    repository.git("worktree", "add", "--quiet", "--detach", str(release), repository.new)
    (release / "program.txt").unlink()
    # So `git worktree add` leaves it where the machine is switched off meanwhile.
    repository.git("worktree", "lock", "--reason", "initializing", str(release))
    done = repository.deploy()
    assert done.returncode == 0, done.stderr
    assert (release / "program.txt").read_text(encoding="utf-8") == "new"


def test_what_is_no_checkout_any_more_keeps_nobody_from_deploying(repository: Repository) -> None:
    assert repository.deploy(repository.old).returncode == 0
    half_removed, stray = repository.release(repository.old), repository.release("stray")
    (half_removed / ".git").unlink()
    stray.mkdir()
    done = repository.deploy()
    assert done.returncode == 0, done.stderr
    assert not half_removed.exists()
    assert not stray.exists()


def test_two_at_a_time_do_not_take_away_what_the_other_one_makes(repository: Repository) -> None:
    (repository.folder / "data" / "releases").mkdir(parents=True)
    with (repository.folder / "data" / "releases" / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = repository.deploy()
    assert done.returncode == 1
    assert "under way" in done.stderr
    assert not repository.release(repository.new).exists()
