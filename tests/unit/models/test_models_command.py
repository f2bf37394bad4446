"""`care-voice models` parses, calls and prints; errors become a message, a hint and exit code 1."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from care_voice.cli import models as command
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from care_voice.models.store import ModelStore

run = CliRunner()


@pytest.fixture(autouse=True)
def wired(monkeypatch: pytest.MonkeyPatch, store: ModelStore, puller: Puller) -> Iterator[None]:
    """Let the command use the test's store and its source in memory; keep logs out of what it prints."""
    monkeypatch.setattr(command, "model_settings", lambda: ModelSettings(store.directory))
    monkeypatch.setattr(command, "puller_of", lambda _: puller)
    monkeypatch.setattr(command, "store_of", lambda _: store)
    with capture_logs():
        yield


def damage(store: ModelStore) -> None:
    (store.view_path("one") / "config.json").unlink()


def test_pull_says_what_it_did_and_then_that_nothing_was_left_to_do() -> None:
    first = run.invoke(command.app, ["pull", "one"])
    assert first.exit_code == 0
    assert "one: 3 files from memory, verified" in first.stdout
    assert "downloading model.bin (memory)" in first.stderr
    assert len(first.stderr.splitlines()) < 60
    second = run.invoke(command.app, ["pull", "one"])
    assert second.stdout == "one: verified, nothing had to be fetched\n"


def test_an_error_is_a_message_with_a_hint() -> None:
    result = run.invoke(command.app, ["pull", "whisper-9"])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "Error: There is no model 'whisper-9' in the catalogue; it has one, two." in result.stderr
    assert "Hint: `care-voice models list`" in result.stderr


def test_list_shows_the_catalogue_and_what_is_installed() -> None:
    run.invoke(command.app, ["pull", "one"])
    listed = json.loads(run.invoke(command.app, ["list", "--json"]).stdout)
    assert [(row["name"], row["installed"]) for row in listed] == [("one", True), ("two", False)]
    assert listed[0]["source"] == "memory"
    assert listed[1]["pulled_at"] is None
    assert "one" in run.invoke(command.app, ["list"]).stdout


def test_verify_exits_with_1_when_something_is_damaged(store: ModelStore) -> None:
    run.invoke(command.app, ["pull", "one"])
    good = run.invoke(command.app, ["verify"])
    assert (good.exit_code, good.stdout) == (0, "one: ok\n")
    damage(store)
    bad = run.invoke(command.app, ["verify", "one"])
    assert bad.exit_code == 1
    assert "one: damaged: config.json is view broken" in bad.stdout
    assert "models pull one" in bad.stderr


def test_verify_as_json_prints_nothing_else(store: ModelStore) -> None:
    run.invoke(command.app, ["pull", "one"])
    damage(store)
    result = run.invoke(command.app, ["verify", "--json"])
    assert result.exit_code == 1
    assert result.stderr == ""
    files = {"config.json": "view_broken", "tokenizer.json": "ok", "model.bin": "ok"}
    assert json.loads(result.stdout) == [
        {"name": "one", "ok": False, "manifest": "ok", "files": files, "signature": "ok"}
    ]


def test_verify_without_models_is_fine_and_of_a_missing_one_is_not() -> None:
    assert run.invoke(command.app, ["verify"]).stdout == "No models are installed.\n"
    missing = run.invoke(command.app, ["verify", "one"])
    assert missing.exit_code == 1
    assert "Run `care-voice models pull one`" in missing.stderr


def test_rm_asks_first(store: ModelStore) -> None:
    run.invoke(command.app, ["pull", "one"])
    assert run.invoke(command.app, ["rm", "one"], input="n\n").exit_code == 1
    assert store.verify("one").ok
    assert run.invoke(command.app, ["rm", "one", "--yes"]).stdout == "one: removed\n"
    assert store.installed() == ()
    assert run.invoke(command.app, ["rm", "one", "--yes"]).exit_code == 1


def test_on_a_terminal_progress_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run.invoke(command.app, ["pull", "one"])
    assert result.exit_code == 0
    assert "one: 3 files from memory" in result.stdout
