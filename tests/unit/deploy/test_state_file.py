"""What is remembered of deployments is whole, or said to be unreadable; and there is one steward."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from care_voice.domain.deploy_errors import DeploymentUnreadable, StewardNotRunning
from care_voice.ops.deploy.releases import Release
from care_voice.ops.deploy.rollout import Deployment, Phase, Refusal, begin, restarted
from care_voice.ops.deploy.settings import DeploySettings, parse_steps
from care_voice.ops.deploy.state_file import DeployFolder, Intent, restarts_of, taken_back_at


@pytest.fixture
def folder(tmp_path: Path) -> DeployFolder:
    made = DeployFolder(tmp_path)
    made.make()
    return made


def test_a_deployment_comes_back_as_it_was(folder: DeployFolder) -> None:
    assert folder.load() is None
    deployment = begin(Deployment(), "rollout_1", Release("image:2", {"CARE_VOICE_MODEL": "small"}), (5, 50), 1.0)
    folder.save(deployment)
    assert folder.load() == deployment
    assert [path.name for path in folder.directory.glob("state*")] == ["state.json"]
    assert (folder.directory / "state.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"", b"{", b'{"active": "red"}', b'{"format": "care-voice-deployment/9"}'])
def test_one_that_cannot_be_read_is_never_taken_for_a_new_one(folder: DeployFolder, content: bytes) -> None:
    (folder.directory / "state.json").write_bytes(content)
    with pytest.raises(DeploymentUnreadable):
        folder.load()


def test_another_user_who_could_write_there_is_refused(folder: DeployFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.become_steward()
    owner = folder.directory.stat().st_uid
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match=f"user {owner}"):
        DeployFolder(folder.directory.parent).ask(Intent("intent_1", "stop"), timeout_s=0.1)
    assert not (folder.directory / "intent.json").exists()


def test_there_is_one_steward(folder: DeployFolder, tmp_path: Path) -> None:
    assert not folder.is_stewarded
    assert folder.become_steward()
    other = DeployFolder(tmp_path)
    assert other.is_stewarded
    assert not other.become_steward()
    folder.resign()
    assert other.become_steward()


def test_nobody_answers_where_there_is_no_steward(folder: DeployFolder) -> None:
    with pytest.raises(StewardNotRunning):
        folder.ask(Intent("intent_1", "abort"))


def test_whoever_asks_gets_the_answer(folder: DeployFolder, tmp_path: Path) -> None:
    folder.become_steward()
    answers: list[Refusal | None] = []
    asking = threading.Thread(target=lambda: answers.append(DeployFolder(tmp_path).ask(Intent("intent_1", "abort"))))
    asking.start()
    while (intent := folder.take_intent()) is None:
        asking.join(0.01)
    folder.save(Deployment(answered={intent.id: Refusal("no_rollout", "None.", "")}))
    folder.forget_intent()
    asking.join(10)
    assert answers == [Refusal("no_rollout", "None.", "")]


def test_an_intent_that_cannot_be_read_is_dropped(folder: DeployFolder) -> None:
    (folder.directory / "intent.json").write_bytes(b'{"verb": "explode"}')
    assert folder.take_intent() is None
    assert not (folder.directory / "intent.json").exists()


def test_steps_rise_and_leave_something_to_the_old_release() -> None:
    assert parse_steps(("5", "25", "50")) == (5, 25, 50)
    assert parse_steps(()) == ()
    for wrong in (("50", "5"), ("0",), ("100",), ("5", "5"), ("some",)):
        with pytest.raises(ValueError, match="STEPS"):
            parse_steps(wrong)


def test_settings_that_could_never_pass_are_refused() -> None:
    with pytest.raises(ValueError, match="STEP_MAX_S"):
        DeploySettings(step_s=30, step_max_s=40, probe_every_s=10, least_probes=4)


def test_what_nobody_waits_for_any_more_is_not_done(folder: DeployFolder) -> None:
    intent = folder.directory / "intent.json"
    intent.write_bytes(msgspec.json.encode(Intent("intent_1", "stop")))
    assert folder.take_intent() is not None
    hour_ago = time.time() - 3600
    os.utime(intent, (hour_ago, hour_ago))
    assert folder.take_intent() is None
    assert not intent.exists()


def test_whoever_gives_up_leaves_no_question_behind(folder: DeployFolder, tmp_path: Path) -> None:
    folder.become_steward()
    with pytest.raises(StewardNotRunning):
        DeployFolder(tmp_path).ask(Intent("intent_1", "stop"), timeout_s=0.2)
    assert folder.take_intent() is None
    (folder.directory / "state.json").write_bytes(b"{")
    with pytest.raises(DeploymentUnreadable):
        DeployFolder(tmp_path).ask(Intent("intent_2", "stop"), timeout_s=0.2)
    assert folder.take_intent() is None


def test_when_a_rollout_was_last_taken_back(folder: DeployFolder, tmp_path: Path) -> None:
    assert taken_back_at(tmp_path) == 0.0
    deployment = begin(Deployment(), "rollout_1", Release("image:2"), (), 1.0)
    assert deployment.rollout is not None
    folder.save(replace(deployment, rollout=replace(deployment.rollout, phase=Phase.ABORTED, since=7.0)))
    assert taken_back_at(tmp_path) == 7.0
    folder.save(replace(deployment, rollout=replace(deployment.rollout, phase=Phase.PROMOTED, since=9.0)))
    assert taken_back_at(tmp_path) == 0.0
    (folder.directory / "state.json").write_bytes(b"{")
    assert taken_back_at(tmp_path) == 0.0


def test_restarts_are_counted_for_each_release_anew(folder: DeployFolder, tmp_path: Path) -> None:
    assert restarts_of(tmp_path, "green") == 0
    deployment = restarted(restarted(restarted(Deployment(), "green", 1.0), "green", 2.0), "blue", 3.0)
    folder.save(deployment)
    assert folder.load() == deployment
    assert (restarts_of(tmp_path, "green"), restarts_of(tmp_path, "blue")) == (2, 1)
    assert deployment.restarts["green"].last == 2.0
    folder.save(begin(deployment, "rollout_1", Release("image:2"), (), 4.0))
    assert (restarts_of(tmp_path, "green"), restarts_of(tmp_path, "blue")) == (0, 1)
    (folder.directory / "state.json").write_bytes(b"{")
    assert restarts_of(tmp_path, "blue") == 0


def test_a_steward_is_known_without_a_word_on_the_disk(folder: DeployFolder, tmp_path: Path) -> None:
    assert folder.steward_pid is None
    said = "import sys; from pathlib import Path; from care_voice.ops.deploy.state_file import DeployFolder"
    does = "folder = DeployFolder(Path(sys.argv[1])); print(folder.become_steward(), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", f"{said}; {does}", str(tmp_path), "steward"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert folder.steward_pid == other.pid
        other.communicate()
    assert folder.steward_pid is None
