"""Keeping on the command line: back up, verify, restore, hold, delete for good, and the schema of the database."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from care_voice.ops.background import PidFile
from care_voice.store import recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Database
from care_voice.store.migrate import known_migrations, migrate
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support.kept import SECRET, everything, make_recording
from support.server import environment

SOUND_BYTES = 30_000


class Installation:
    """A data directory, and the commands in it."""

    def __init__(self, folder: Path, url: str = "") -> None:
        folder.mkdir()
        self.folder, self._url = folder, url

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        settings = {"CARE_VOICE_STORE__URL": self._url} if self._url else {}
        return subprocess.run(
            [sys.executable, "-m", "care_voice", *arguments],
            env=environment(self.folder, self.folder / "models", settings),
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip

    def open(self) -> Database:
        return open_database(StoreSettings(url=self._url), self.folder)

    def make(self) -> str:
        database = self.open()
        migrate(database, after=True)
        made = make_recording(database, DirectoryAudio(self.folder / "recordings"), self.folder)
        database.close()
        return made.id

    def ids(self) -> list[str]:
        database = self.open()
        found = [row["id"] for row in everything(database)["recordings"]]
        database.close()
        return found

    def sound(self, recording_id: str) -> bytes:
        database = self.open()
        parts = database.read(partial(recordings.parts, recording_id=recording_id))
        database.close()
        return b"".join(DirectoryAudio(self.folder / "recordings").read(parts))


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "here")


def test_a_backup_is_made_verified_and_restored_into_postgresql(
    here: Installation, tmp_path: Path, postgres_url: str
) -> None:
    made, target = here.make(), str(tmp_path / "backup")
    there = Installation(tmp_path / "there", postgres_url)

    done = [here.run("backup", target), here.run("backup", target, "--verify", "--json"), here.run("verify", target)]
    done.append(there.run("restore", target))

    assert [each.returncode for each in done] == [0, 0, 0, 0], done
    assert "2 audio objects" in done[0].stdout
    assert json.loads(done[1].stdout)["kept_bytes"] == 35_000
    assert "whole" in done[2].stdout
    assert there.ids() == [made]
    assert there.sound(made) == here.sound(made)
    assert len(there.sound(made)) == SOUND_BYTES

    again = there.run("restore", target)
    assert again.returncode == 1
    assert "recordings here already" in again.stderr
    assert "--force" in again.stderr
    assert there.run("restore", target, "--force").returncode == 0


def test_nothing_is_restored_while_the_service_runs(here: Installation, tmp_path: Path) -> None:
    kept = here.make()
    target = str(tmp_path / "backup")
    assert here.run("backup", target).returncode == 0
    service = PidFile(here.folder / "run")
    assert service.acquire()
    refused = here.run("restore", target, "--force")
    assert (refused.returncode, "care-voice stop" in refused.stderr) == (1, True)
    assert here.ids() == [kept]


def test_a_damaged_backup_is_told_by_the_name_of_the_file(here: Installation, tmp_path: Path) -> None:
    here.make()
    there = Installation(tmp_path / "there")
    assert here.run("backup", str(tmp_path / "backup")).returncode == 0
    sound = next(each for each in (tmp_path / "backup" / "audio").rglob("*") if each.is_file())
    sound.write_bytes(b"rotten" + sound.read_bytes()[6:])

    for verb in ("verify", "restore"):
        done = there.run(verb, str(tmp_path / "backup"))
        assert done.returncode == 1
        assert sound.relative_to(tmp_path / "backup").as_posix() in done.stderr
    assert not (there.folder / "care-voice.db").exists() or there.run("db", "status").returncode == 3


def test_a_backup_does_not_go_where_the_recordings_are(here: Installation) -> None:
    here.make()
    done = here.run("backup", str(here.folder / "recordings" / "backup"))
    assert done.returncode == 1
    assert "where the recordings are" in done.stderr


def test_the_schema_is_shown_and_brought_up_to_date(here: Installation) -> None:
    before = here.run("db", "status")
    migrated = [here.run("db", "migrate", "--after"), here.run("db", "migrate", "--after")]
    after = here.run("db", "status")

    assert before.returncode == 3
    assert before.stdout.count("not applied: needed by this version") == len(known_migrations())
    assert [each.returncode for each in migrated] == [0, 0]
    assert migrated[0].stdout.count("applied") == len(known_migrations())
    assert migrated[1].stdout == "nothing to do\n"
    assert after.returncode == 0
    assert "not applied" not in after.stdout


def test_a_hold_keeps_a_recording_until_it_is_released(here: Installation) -> None:
    made = here.make()
    deletion = ("recordings", "rm", made, "--yes", "--permanently")

    assert here.run("recordings", "hold", made, "--reason", "case 7").returncode == 0
    refused = here.run(*deletion)
    assert refused.returncode != 0
    assert "case 7" in refused.stderr
    assert here.ids() == [made]

    assert here.run("recordings", "release", made).returncode == 0
    assert here.run(*deletion).returncode == 0
    assert here.ids() == []
    words = [each.encode() for each in SECRET.split()]
    files = [each for each in here.folder.rglob("*") if each.is_file()]
    assert [each for each in files if any(word in each.read_bytes() for word in words)] == []
