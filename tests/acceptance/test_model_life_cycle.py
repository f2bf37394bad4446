"""The whole life of a model through the command line: from the package index to words, its store lost in between."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.authority import new_key, write_private, write_public
from support.server import environment

JFK = "ask what you can do for your country"

pytestmark = [pytest.mark.network_index, pytest.mark.timeout(300)]


class CommandLine:
    """`care-voice` over a data directory of the test, with settings that can change on the way."""

    def __init__(self, data: Path) -> None:
        self.store = data / "models"
        self.data = data
        self.settings: dict[str, str] = {}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "care_voice", *arguments],
            env=environment(self.data, self.store, self.settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def shown(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.ok("models", "show", name)))


@pytest.fixture
def care_voice(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path / "data")


def test_pull_verify_quantize_sign_back_up_delete_restore_load_transcribe(
    care_voice: CommandLine, tmp_path: Path, speech: Path
) -> None:
    key = new_key()
    private, public = write_private(tmp_path / "key.pem", key), write_public(tmp_path / "key.pub", key)
    care_voice.settings = {"CARE_VOICE_MODELS__SOURCES": "carriers"}

    assert "from carriers, verified" in care_voice.ok("models", "pull", "base")
    assert care_voice.ok("models", "verify") == "base: ok\n"
    assert "base-int8: made from base" in care_voice.ok("models", "quantize", "base", "--to", "int8")
    copy, parent = care_voice.shown("base-int8"), care_voice.shown("base")
    assert copy["derived"]["parent_digest"] == parent["digest"]
    assert copy["total_bytes"] < 0.55 * parent["total_bytes"]
    for name in ("base", "base-int8"):
        care_voice.ok("models", "sign", name, "--key", str(private))
    care_voice.ok("models", "backup", str(tmp_path / "backup"))

    shutil.rmtree(care_voice.store)
    assert care_voice.run("models", "verify", "base").returncode == 1

    nowhere = {"CARE_VOICE_MODELS__SOURCES": "directory", "CARE_VOICE_MODELS__SIGNATURES__POLICY": "require"}
    care_voice.settings = {**nowhere, "CARE_VOICE_MODELS__SIGNATURES__PUBLIC_KEYS": str(public)}
    care_voice.ok("models", "restore", str(tmp_path / "backup"))
    assert care_voice.ok("models", "verify") == "base: ok\nbase-int8: ok\n"
    assert care_voice.shown("base-int8")["digest"] == copy["digest"]
    assert care_voice.shown("base-int8")["signature"]["state"] == "valid"

    care_voice.settings["CARE_VOICE_MODEL"] = "base-int8"
    assert JFK in care_voice.ok("transcribe", str(speech / "en" / "jfk.flac"), "-l", "en")

    blob = care_voice.store / "views" / "base-int8" / "model.bin"
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.seek(40_000_000)
        file.write(b"\0\1\2\3")
    assert "model.bin is wrong digest" in care_voice.run("models", "verify", "base-int8").stdout
    assert "base-int8: 1 files from derivation" in care_voice.ok("models", "repair", "base-int8")
    assert care_voice.ok("models", "verify", "base-int8") == "base-int8: ok\n"


def test_under_require_an_unsigned_model_transcribes_nothing(
    care_voice: CommandLine, tmp_path: Path, model_store: Path, speech: Path
) -> None:
    public = write_public(tmp_path / "key.pub", new_key())
    care_voice.settings = {
        "CARE_VOICE_MODELS__SOURCES": "directory",
        "CARE_VOICE_MODELS__DIRECTORIES": str(model_store / "views"),
        "CARE_VOICE_MODELS__SIGNATURES__POLICY": "require",
        "CARE_VOICE_MODELS__SIGNATURES__PUBLIC_KEYS": str(public),
    }
    pulled = care_voice.run("models", "pull", "base")
    assert pulled.returncode == 1
    assert "The model 'base' has no signature." in pulled.stderr
    done = care_voice.run("transcribe", str(speech / "en" / "jfk.flac"), "-l", "en")
    assert done.returncode == 1
    assert "has no signature" in done.stderr
    assert JFK not in done.stdout


def test_a_directory_that_cannot_be_written_is_explained(care_voice: CommandLine, tmp_path: Path) -> None:
    care_voice.store = tmp_path / "file"
    care_voice.store.write_text("not a directory", encoding="utf-8")
    done = care_voice.run("models", "pull", "base")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208
