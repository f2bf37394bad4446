"""The steps of deploy/compose/upgrade, with an engine that only says what it is asked for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from support.deploy_files import DEPLOY

_COMPOSE = """#!/bin/sh
# Ready is who is named in the file `ready`; whoever is started becomes so where `mends` says it.
service=$(echo "$@" | grep -oE '(blue|green)')
case "$*" in
  *" exec "*) grep -qx "$service" ready ;;
  *" up "*) echo "up $service ${NEXT_IMAGE}" >> asked; grep -qx "$service" mends && echo "$service" >> ready || true ;;
  *" stop "*) echo "stop $service" >> asked; sed -i "/$service/d" ready ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("upgrade", "common.sh"):
        shutil.copy(DEPLOY / "compose" / name, tmp_path)
    for name, text in {"podman-compose": _COMPOSE, "podman": "#!/bin/sh\n"}.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def upgraded(folder: Path, ready: str, mends: str) -> tuple[int, list[str]]:
    """Exit code and steps, where these slots are ready before and become so when they are started."""
    (folder / "ready").write_text(ready.replace(" ", "\n") + "\n", encoding="utf-8")
    (folder / "mends").write_text(mends.replace(" ", "\n") + "\n", encoding="utf-8")
    (folder / "asked").write_text("", encoding="utf-8")
    environment = {"PATH": f"{folder}/bin:/usr/bin:/bin", "ENGINE": "podman", "READY_WITHIN_S": "0"}
    done = subprocess.run(
        ["bash", "upgrade", "image:2"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, (folder / "asked").read_text(encoding="utf-8").splitlines()


def test_green_serves_while_blue_is_replaced(folder: Path) -> None:
    assert upgraded(folder, "blue", "blue green") == (
        0,
        ["up green image:2", "stop blue", "up blue image:2", "stop green"],
    )
    assert "IMAGE=image:2" in (folder / ".env").read_text(encoding="utf-8")


def test_an_image_that_does_not_become_ready_touches_nobody(folder: Path) -> None:
    assert upgraded(folder, "blue", "") == (1, ["up green image:2", "stop green"])


def test_a_way_back_leaves_the_one_that_serves_alone_until_the_other_one_does(folder: Path) -> None:
    assert upgraded(folder, "blue", "green") == (1, ["up green image:2", "stop blue", "up blue image:2"])
    assert upgraded(folder, "green", "blue green") == (0, ["stop blue", "up blue image:2", "stop green"])
