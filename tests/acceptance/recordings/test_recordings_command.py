"""`care-voice recordings` as people and scripts use it, over a store that nobody serves at the moment."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from care_voice.domain.jobs import JobKind, LeaseRules
from care_voice.store import deletion, jobs, recordings, search
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from care_voice.store.migrate import migrate
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support.ports import free_port
from support.server import environment
from support.stored_speech import keep, keep_recording, transcript_of

Run = Callable[..., subprocess.CompletedProcess[str]]
COMPLETE = "UPDATE recordings SET state = 'complete', received = 5, duration_s = 72.4 WHERE id = :id"


@dataclass
class Stored:
    """Two recordings: one transcribed, one whose transcription failed."""

    database: Database
    transcribed: str
    failed: str


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Stored]:
    database = open_database(StoreSettings(), tmp_path)
    migrate(database, after=True)
    audio = DirectoryAudio(tmp_path / "recordings")
    transcribed = keep_recording(database, title="陳先生 家訪", filename="visit.m4a", tags=["家訪"])
    failed = keep_recording(database, filename="broken.wav")
    for recording_id in (transcribed, failed):
        with audio.writer(recording_id, 0, 1) as writer:
            writer.write(b"sound")
            parts = writer.sync()
        database.write(lambda c, one=recording_id, parts=parts: recordings.put_parts(c, one, parts))
        database.write(lambda c, one=recording_id: c.execute(COMPLETE, {"id": one}))
        database.write(lambda c, one=recording_id: search.refresh(c, one))
    keep(database, transcribed, transcript_of("血壓 一百二十", "Blood pressure is fine.", language="zh"))
    database.write(lambda c: fail(c, failed))
    yield Stored(database, transcribed, failed)
    database.close()


def fail(connection: Connection, recording_id: str) -> None:
    jobs.enqueue(connection, recording_id, JobKind.DERIVE, client="test", priority=1)
    job = jobs.claim(connection, "node", LeaseRules(), [JobKind.DERIVE])
    assert job is not None
    jobs.fail(connection, job.lease, "unreadable_media", {"message": "It could not be read."}, rules=None)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def command(*arguments: str, columns: int = 160) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "care_voice", "recordings", *arguments],
            env=environment(tmp_path, tmp_path / "models", {"COLUMNS": str(columns), "TZ": "UTC"}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return command


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_recordings_are_listed_for_people_and_for_scripts(run: Run, stored: Stored) -> None:
    table = run("list")
    assert table.returncode == 0, table.stderr
    assert "陳先生 家訪" in table.stdout
    assert "0:01:12" in table.stdout

    listed = parsed(run("list", "--json", "--tag", "家訪"))
    assert [each["id"] for each in listed] == [stored.transcribed]
    assert listed[0]["created_at"].endswith("Z")


def test_identifiers_are_whole_on_a_narrow_terminal(run: Run, stored: Stored) -> None:
    table = run("list", columns=80)
    assert (stored.transcribed in table.stdout, stored.failed in table.stdout) == (True, True)
    assert stored.transcribed in run("search", "血壓", columns=80).stdout


def test_no_word_is_broken_on_a_narrow_terminal(run: Run, stored: Stored) -> None:
    stored.database.write(lambda c: jobs.enqueue(c, stored.failed, JobKind.TRANSCRIBE, client="test", priority=1))
    job = stored.database.write(lambda c: jobs.claim(c, "node", LeaseRules(), [JobKind.TRANSCRIBE], range(1, 2)))
    while job is not None and job.recording_id != stored.failed:
        job = stored.database.write(lambda c: jobs.claim(c, "node", LeaseRules(), [JobKind.TRANSCRIBE], range(1, 2)))
    assert job is not None
    stored.database.write(lambda c: jobs.fail(c, job.lease, "unreadable_media", {"message": "x"}, rules=None))
    shown = run("list", columns=80).stdout
    words = shown.split()
    assert {"unreadable_media", "0:01:12"} <= set(words), shown
    assert any(re.fullmatch(r"\d{4}-\d\d-\d\d", word) for word in words)


def test_a_database_that_is_away_is_told_in_words_of_ours_alone(tmp_path: Path) -> None:
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    settings = {"CARE_VOICE_STORE__URL": url, "CARE_VOICE_STORE__CONNECT_TIMEOUT_S": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "care_voice", "recordings", "list"],
        env=environment(tmp_path, tmp_path / "models", settings),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    first, hint = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert first.startswith("Error: The database cannot be reached")
    assert hint.startswith("Hint: ")


def test_what_was_said_is_found(run: Run, stored: Stored) -> None:
    (found,) = parsed(run("search", "血壓", "--json"))
    assert found["id"] == stored.transcribed
    assert found["matches"][0]["start_s"] == 0.0

    nothing = run("search", "hippopotamus", "--json")
    assert (nothing.returncode, json.loads(nothing.stdout)) == (1, [])


def test_all_that_is_known_is_shown(run: Run, stored: Stored) -> None:
    shown = run("show", stored.failed)
    assert shown.returncode == 0, shown.stderr
    assert "unreadable_media" in shown.stdout
    about = parsed(run("show", stored.transcribed, "--json"))
    assert about["transcripts"][0]["language"] == "zh"
    assert about["jobs"][0]["kind"] == "transcribe"

    unknown = run("show", "rec_nothing")
    assert unknown.returncode == 1
    assert "There is no recording 'rec_nothing'." in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_transcripts_and_sound_are_exported(run: Run, stored: Stored, tmp_path: Path) -> None:
    printed = run("export", stored.transcribed)
    assert (printed.returncode, "Blood pressure is fine." in printed.stdout) == (0, True)

    out = tmp_path / "out"
    for form in ("docx", "audio"):
        assert run("export", stored.transcribed, "-f", form, "-o", str(out)).returncode == 0
    assert {path.suffix for path in out.iterdir()} == {".docx", ".m4a"}
    assert next(out.glob("*.m4a")).read_bytes() == b"sound"

    again = run("export", stored.transcribed, stored.failed, "-f", "docx", "-o", str(out))
    assert again.returncode == 1
    assert "already" in again.stderr
    assert "no such transcript" in again.stderr
    assert run("export", stored.transcribed, "-f", "docx", "-o", str(out), "--force").returncode == 0


def test_recordings_go_into_the_trash_and_come_back(run: Run, stored: Stored) -> None:
    asked = run("rm", stored.transcribed)
    assert (asked.returncode, "--yes" in asked.stderr) == (1, True)
    assert len(parsed(run("list", "--json"))) == 2

    gone = run("rm", "-y", stored.transcribed, "rec_nothing")
    assert gone.returncode == 1
    assert f"{stored.transcribed}: in the trash" in gone.stdout
    assert "rec_nothing: There is no recording" in gone.stderr
    assert [each["id"] for each in parsed(run("list", "--json"))] == [stored.failed]
    assert [each["id"] for each in parsed(run("list", "--json", "--trashed"))] == [stored.transcribed]
    assert run("restore", stored.transcribed).returncode == 0
    assert len(parsed(run("list", "--json"))) == 2


def test_a_recording_is_deleted_for_good(run: Run, stored: Stored, tmp_path: Path) -> None:
    assert "--permanently" in run("rm", "-y", "--reason", "case 7", stored.transcribed).stderr
    gone = run("rm", "-y", "--permanently", "--reason", "case 7", stored.transcribed)
    assert gone.returncode == 0, gone.stderr
    assert f"{stored.transcribed}: deleted, receipt rcp_" in gone.stdout
    (receipt,) = stored.database.read(deletion.receipts)
    assert receipt.reason == "case 7"
    assert run("show", stored.transcribed).returncode == 1
    assert not (tmp_path / "recordings" / "recordings" / stored.transcribed).exists()


def test_what_failed_is_queued_again(run: Run, stored: Stored) -> None:
    again = run("retry", stored.failed)
    assert again.returncode == 0, again.stderr
    states = [job["state"] for job in parsed(run("show", stored.failed, "--json"))["jobs"]]
    assert states == ["queued"]

    once_more = run("retry", stored.failed)
    assert (once_more.returncode, once_more.stdout) == (1, f"{stored.failed}: nothing had failed\n")
