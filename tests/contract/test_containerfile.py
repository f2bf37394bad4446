"""The Containerfile as a linter sees it, and what a build may see of this checkout."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CONTAINERFILE = PROJECT / "deploy" / "containers" / "Containerfile"
HADOLINT = Path(sys.executable).with_name("hadolint")


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [HADOLINT, "--failure-threshold", "style", CONTAINERFILE], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_all_that_is_copied_from_the_checkout_is_let_through_to_the_build() -> None:
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    copied = {source for line in lines for source in line.split()}
    assert {"src", "web", "requirements.lock"} <= copied
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = [Path(line[1:]) for line in ignored if line.startswith("!")]
    for source in map(Path, copied):
        assert (PROJECT / source).exists(), source
        assert any(source.is_relative_to(each) or source.match(str(each)) for each in let_through), source


def test_each_package_of_the_image_comes_from_a_lock_with_hashes() -> None:
    text = CONTAINERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip (?:--python \S+ )?install [^;\n]+", text)
    assert len(installs) == 5
    for install in installs:
        assert "--require-hashes" in install or "--no-deps --no-build-isolation" in install, install
