"""The command line as a person or a script uses it, and the examples as a developer runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.ports import free_port
from support.server import Service, environment
from support.sound import decoded, wav

PROJECT = Path(__file__).resolve().parents[2]
JFK = "ask what you can do for your country"


def care_voice(data: Path, store: Path, *arguments: str, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
    with (stdin or Path(os.devnull)).open("rb") as source:
        return subprocess.run(
            [sys.executable, "-m", "care_voice", *arguments],
            env=environment(data, store, {"CARE_VOICE_API__PORT": str(free_port())}),
            stdin=source,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


def test_transcribe_prints_the_words_of_each_file_and_goes_on_after_a_bad_one(
    tmp_path: Path, model_store: Path, speech: Path
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("no sound\n", encoding="utf-8")
    files = [str(letter), str(speech / "en" / "jfk.flac"), str(tmp_path / "missing.wav")]
    done = care_voice(tmp_path, model_store, "transcribe", "-l", "en", *files)
    assert done.returncode == 1
    assert JFK in done.stdout
    assert "letter.txt" in done.stderr
    assert "There is no such file." in done.stderr


def test_transcribe_reads_standard_input_and_writes_subtitles(tmp_path: Path, model_store: Path, speech: Path) -> None:
    done = care_voice(tmp_path, model_store, "transcribe", "-", "-f", "srt", stdin=speech / "variants" / "jfk.m4a")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1\n00:00:00,")
    assert JFK in done.stdout


def test_transcribe_writes_files_beside_each_other(tmp_path: Path, model_store: Path, speech: Path) -> None:
    out = tmp_path / "out"
    clip = str(speech / "en" / "jfk.flac")
    done = care_voice(tmp_path, model_store, "transcribe", clip, "-f", "json", "-o", str(out))
    assert done.returncode == 0, done.stderr
    body = json.loads((out / "jfk.json").read_text(encoding="utf-8"))
    assert JFK in body["text"]
    assert body["language_code"] == "en"
    assert all(0 <= word["start"] <= word["end"] <= body["duration"] for word in body["words"])


def test_transcribe_takes_names_to_favour_a_ladder_and_languages_that_change(
    tmp_path: Path, model_store: Path, speech: Path
) -> None:
    visit = tmp_path / "visit.wav"
    clips = [decoded(speech / name) for name in ("zh/aishell-BAC009S0150W0132.flac", "en/ls-533-1066-0002.flac")]
    visit.write_bytes(wav(np.concatenate(clips)))
    wishes = ["--language-detection", "window", "--languages", "zh,en", "--hotwords", "Liddy, Mr. Jamieson"]
    effort = ["--profile", "fast", "--beam-size", "5", "--temperatures", "0,0.4"]
    done = care_voice(tmp_path, model_store, "transcribe", str(visit), "-f", "json", *wishes, *effort)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert {segment["language"] for segment in body["segments"]} == {"chinese", "english"}
    assert "Jamieson" in body["text"]


def test_transcribe_names_an_option_that_is_wrong(tmp_path: Path, model_store: Path) -> None:
    warm = care_voice(tmp_path, model_store, "transcribe", "x.wav", "--temperatures", "warm")
    wide = care_voice(tmp_path, model_store, "transcribe", "x.wav", "--beam-size", "11")
    assert (warm.returncode, wide.returncode) == (1, 2)
    assert "'temperatures'" in warm.stderr
    assert "--beam-size" in wide.stderr


def test_doctor_finds_every_stage_in_order(tmp_path: Path, model_store: Path) -> None:
    done = care_voice(tmp_path, model_store, "doctor", "--full", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    stages = {stage["name"]: stage for stage in json.loads(done.stdout)}
    assert {stage["state"] for stage in stages.values()} == {"done"}
    assert {"web_app", "disk", "memory", "devices", "database", "model", "engine_worker", "self_test"} <= set(stages)
    assert list(stages)[-3:] == ["entrance", "steward", "ports"]
    assert stages["model"]["detail"].endswith("every byte was read")


def test_doctor_says_what_is_missing_and_downloads_nothing(tmp_path: Path) -> None:
    store = tmp_path / "models"
    done = care_voice(tmp_path, store, "doctor", "--json")
    assert done.returncode == 1
    stages = {stage["name"]: stage for stage in json.loads(done.stdout)}
    assert stages["model"]["error"]["code"] == "model_not_installed"
    assert "models pull" in stages["model"]["error"]["hint"]
    assert stages["engine_worker"]["state"] == "pending"
    assert not (store / "blobs").exists()


def test_bench_measures_the_installed_models_and_checks_their_words(tmp_path: Path, model_store: Path) -> None:
    done = care_voice(tmp_path, model_store, "bench", "--json", "--runs", "2", "-m", "base")
    assert done.returncode == 0, done.stdout + done.stderr
    (model,) = json.loads(done.stdout)
    assert model["model"] == "base"
    assert model["error"] is None
    assert model["load_s"] > 0
    assert 50e6 < model["peak_memory_bytes"] < 2e9
    (speed,) = model["recordings"]
    assert speed["problem"] is None
    assert (speed["recording"], speed["audio_s"], speed["runs"]) == ("selftest.ogg", 3.8, 2)
    assert 0 < speed["median_s"] <= speed["p95_s"]
    assert speed["rtf"] == pytest.approx(speed["median_s"] / speed["audio_s"], abs=0.001)


def test_bench_takes_files_and_fails_when_no_words_come_out(tmp_path: Path, model_store: Path, speech: Path) -> None:
    files = [speech / "en" / "jfk.flac", speech / "nospeech" / "silence-10s.flac"]
    done = care_voice(tmp_path, model_store, "bench", "--runs", "1", "-m", "base", "-l", "en", *map(str, files))
    assert done.returncode == 1
    assert "jfk.flac" in done.stdout
    assert "silence-10s.flac: no words" in done.stderr


def test_bench_downloads_nothing(tmp_path: Path) -> None:
    store = tmp_path / "models"
    done = care_voice(tmp_path, store, "bench", "-m", "base")
    assert done.returncode == 1
    assert "models pull base" in done.stderr
    assert not (store / "blobs").exists()


def test_a_wrong_setting_is_named(tmp_path: Path, model_store: Path) -> None:
    (tmp_path / "care-voice.toml").write_text("[api]\nprot = 80\n", encoding="utf-8")
    done = care_voice(tmp_path, model_store, "serve")
    assert done.returncode == 78
    assert "CARE_VOICE_API__PROT" in done.stderr


@pytest.mark.parametrize("name", ["transcribe", "stream", "words"])
def test_the_examples_do_what_they_say(name: str, service: Service, speech: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(PROJECT / "examples" / f"{name}.py"), str(speech / "en" / "jfk.flac")],
        env={**os.environ, "CARE_VOICE_URL": service.url},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    words = " ".join(line.split()[-1] for line in done.stdout.splitlines()) if name == "words" else done.stdout
    assert JFK in words
