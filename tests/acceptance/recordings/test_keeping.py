"""`care-voice transcribe --keep`: with an engine of its own, and over a server that runs."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.server import Service, environment, running_service
from support.waiting import wait_until

JFK = "ask what you can do for your country"


def care_voice(data: Path, store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "care_voice", *arguments],
        env=environment(data, store, {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def shown(data: Path, store: Path, recording_id: str) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(care_voice(data, store, "recordings", "show", recording_id, "--json").stdout)
    return about


def kept_as(done: subprocess.CompletedProcess[str]) -> list[str]:
    return re.findall(r": kept as (rec_\w+)", done.stderr)


def test_files_are_kept_with_their_transcripts_where_no_server_runs(
    tmp_path: Path, model_store: Path, speech: Path
) -> None:
    letter, clip = tmp_path / "letter.txt", speech / "en" / "jfk.flac"
    letter.write_text("no sound\n", encoding="utf-8")
    data = tmp_path / "data"
    done = care_voice(data, model_store, "transcribe", "--keep", "-l", "en", str(letter), str(clip))

    assert done.returncode == 1
    assert JFK in done.stdout
    unreadable, recording_id = kept_as(done)
    assert f"The recording is kept as {unreadable}." in done.stderr
    about = shown(data, model_store, recording_id)
    assert about["sha256"] == hashlib.sha256(clip.read_bytes()).hexdigest()
    assert (about["source"], about["filename"]) == ("command_line", "jfk.flac")
    assert {asset["kind"] for asset in about["assets"]} == {"playback", "waveform"}
    assert {job["state"] for job in about["jobs"]} == {"done"}
    assert {job["error_code"] for job in shown(data, model_store, unreadable)["jobs"]} == {"unreadable_media"}


def test_a_server_that_runs_does_the_work_and_plays_what_was_kept(
    tmp_path: Path, model_store: Path, speech: Path
) -> None:
    with running_service(tmp_path / "data", model_store) as service:
        clip = speech / "en" / "jfk.flac"
        arguments = ("transcribe", "--keep", "-l", "en", "-f", "srt", str(clip))
        done = care_voice(service.data_dir, model_store, *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("1\n00:00:00,")
        (recording_id,) = kept_as(done)

        wait_until(lambda: has_copy(service, recording_id), "there is a copy for playback")
        path = f"/api/v1/recordings/{recording_id}"
        part = service.client.get(f"{path}/playback", headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"fLaC")
        assert service.client.get(f"{path}/audio").content == clip.read_bytes()
        assert service.client.head(f"{path}/waveform").headers["content-length"] == str(20 + 2 * 550)
        assert len(service.events("job_started")) == 2


def has_copy(service: Service, recording_id: str) -> bool:
    return service.client.get(f"/api/v1/recordings/{recording_id}/playback").status_code == 200
