"""`care-voice models export`, `import`, `backup` and `restore` parse, call and print."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from care_voice.cli import model_transfer
from care_voice.cli import models as command
from care_voice.models.settings import ModelSettings
from care_voice.models.store import ModelStore
from support.transfers import Key, contents_of, flip, new_key

run = CliRunner()


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return new_key(tmp_path / "key.txt")


class Here:
    """Which of two installations the command line runs on."""

    def __init__(self, store: ModelStore) -> None:
        self.store = store
        self.settings = ModelSettings(store.directory)

    def goes_to(self, store: ModelStore) -> None:
        self.store, self.settings = store, ModelSettings(store.directory)


@pytest.fixture
def here(full: ModelStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    here = Here(full)
    monkeypatch.setattr(model_transfer, "model_settings", lambda: here.settings)
    monkeypatch.setattr(model_transfer, "store_of", lambda _: here.store)
    with capture_logs():
        yield here


def call(*arguments: str | Path, code: int = 0) -> tuple[str, str]:
    result = run.invoke(command.app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def test_a_bundle_there_and_back(here: Here, full: ModelStore, other: ModelStore, tmp_path: Path) -> None:
    said, progress = call("export", "two", "visits", "--to", tmp_path / "models.tar")
    assert "two, visits: exported to" in said
    assert "SHA-256 " in said
    assert "copying two.bin" in progress
    here.goes_to(other)
    said, progress = call("import", tmp_path / "models.tar")
    assert said == "two: imported, verified\nvisits: imported, verified\n"
    assert "copying two.bin (bundle)" in progress
    assert contents_of(other)["visits"] == contents_of(full)["visits"]
    assert call("import", tmp_path / "models.tar")[0] == (
        "two: verified, nothing had to be written\nvisits: verified, nothing had to be written\n"
    )


def test_a_bundle_from_standard_input(here: Here, other: ModelStore, tmp_path: Path) -> None:
    call("export", "two", "--to", tmp_path / "models.tar")
    here.goes_to(other)
    result = run.invoke(command.app, ["import", "-"], input=(tmp_path / "models.tar").read_bytes())
    assert result.stdout == "two: imported, verified\n"


def test_programs_get_json(here: Here, other: ModelStore, tmp_path: Path) -> None:
    said, progress = call("export", "two", "--to", tmp_path / "models.tar", "--json")
    exported = json.loads(said)
    assert progress == ""
    assert (exported["path"], exported["models"]) == (str(tmp_path / "models.tar"), ["two"])
    backed_up = json.loads(call("backup", tmp_path / "backup", "--json")[0])
    assert backed_up["models"] == ["one", "one-int8", "two", "visits"]
    assert backed_up["copied_bytes"] > 0
    here.goes_to(other)
    assert json.loads(call("import", tmp_path / "models.tar", "--json")[0])["written"] == ["two"]
    restored = json.loads(call("restore", tmp_path / "backup", "--json")[0])
    assert (restored["written"], restored["kept"]) == (["one", "one-int8", "visits"], ["two"])
    assert restored["refused"] == {}


def test_a_backup_there_and_back(here: Here, other: ModelStore, tmp_path: Path) -> None:
    here.settings.own_models_file.write_bytes(b"# my models\n")
    said, _ = call("backup", tmp_path / "backup")
    assert "visits: backed up to" in said
    assert "copied" in said
    assert "copied 0 bytes" in call("backup", tmp_path / "backup", "one")[0]
    here.goes_to(other)
    said, _ = call("restore", tmp_path / "backup")
    assert "visits: restored, verified" in said
    assert "The list of your own models is back" in said
    here.settings.own_models_file.unlink()
    here.settings.own_models_file.write_bytes(b"# others\n")
    assert "Your own models are listed otherwise here" in call("restore", tmp_path / "backup")[1]
    assert here.settings.own_models_file.read_bytes() == b"# others\n"


def test_what_is_encrypted_wants_its_key(here: Here, other: ModelStore, tmp_path: Path, key: Key) -> None:
    call("export", "two", "--to", tmp_path / "models.tar", "--recipient", key.recipient)
    call("backup", tmp_path / "backup", "-r", key.recipient)
    here.goes_to(other)
    for verb, what in (("import", "models.tar.age"), ("restore", "backup")):
        _, said = call(verb, tmp_path / what, code=1)
        assert "it is encrypted, and no private key was given" in said
        assert ("Hint: Give the file with the private key" in said) == (verb == "import")
        call(verb, tmp_path / what, "--identity", key.identity)
    assert set(contents_of(other)) == {"one", "one-int8", "two", "visits"}


def test_what_was_refused_is_told_after_what_was_done(here: Here, other: ModelStore, tmp_path: Path) -> None:
    call("backup", tmp_path / "backup")
    flip(next(path for path in (tmp_path / "backup").rglob("*") if path.is_file() and path.stat().st_size == 70_001))
    here.goes_to(other)
    said, error = call("restore", tmp_path / "backup", code=1)
    assert "two: restored, verified" in said
    assert "Error: Not all models were transferred" in error
    assert "Hint: Mend the cause" in error
    refused = json.loads(call("restore", tmp_path / "backup", "--json", code=1)[0])["refused"]
    assert refused["visits"]["code"] == "digest_mismatch"


def test_a_file_that_is_no_bundle_is_an_error_with_a_hint(here: Here, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    said, error = call("import", tmp_path / "x", code=1)
    assert said == ""
    assert "cannot be used as a bundle" in error
    assert "Hint: Copy it again" in error
