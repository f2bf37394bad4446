"""Whether `care-voice stop` looks for containers that a steward left behind, which have no pid file of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from care_voice.cli.server import _has_containers, _note_stop
from care_voice.ops.deploy.rollout import Deployment
from care_voice.ops.deploy.state_file import DeployFolder


@pytest.mark.parametrize(
    ("deployment", "looks"),
    [
        (None, False),
        (Deployment(), True),
        (Deployment(stopping=True), True),
        (Deployment(stopping=True, stopped=True), False),
    ],
    ids=["never started", "its steward was killed", "its steward was killed while it stopped", "stopped"],
)
def test_containers_are_looked_for_until_a_stop_came_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deployment: Deployment | None, looks: bool
) -> None:
    monkeypatch.setenv("CARE_VOICE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CARE_VOICE_DEPLOY__HOST", "container")
    folder = DeployFolder(tmp_path)
    folder.make()
    if deployment is not None:
        folder.save(deployment)
    assert _has_containers(folder) is looks


def test_a_stop_of_each_part_by_itself_has_come_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARE_VOICE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CARE_VOICE_DEPLOY__HOST", "container")
    folder = DeployFolder(tmp_path)
    folder.make()
    folder.save(Deployment())
    _note_stop(folder)
    assert not _has_containers(folder)
