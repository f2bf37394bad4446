"""What was measured counts for this machine and these models alone, and a damaged record is as good as none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from care_voice.engine.processor import read_processor
from care_voice.models.catalogue import Catalogue, Derivation
from care_voice.service import tuning_record
from care_voice.service.tuning_policy import EnginePlan, Measurement
from care_voice.service.tuning_record import TuningRecord, TuningStore, fingerprint_of, record_of
from care_voice.supervisor.settings import EngineSettings

BASE = Catalogue.load().get("base")
GRAPHS = replace(
    BASE, name="base-onnx-int8", files=(), derived=Derivation("base", BASE.digest, "onnx-int8", "graphs 1")
)
SETTINGS = EngineSettings()
NOW = fingerprint_of(BASE, GRAPHS, SETTINGS, 4)
PLAN = EnginePlan("onnxruntime", 1, 4)
RECORD = record_of("base", NOW, PLAN, [Measurement(PLAN, latency_s=0.3, windows_per_s=3.0, memory_bytes=10**9)])


@pytest.fixture
def store(tmp_path: Path) -> TuningStore:
    return TuningStore(tmp_path / "tuning")


def test_a_record_is_read_as_it_was_written(store: TuningStore) -> None:
    assert store.read("base", NOW) is None
    assert store.write(RECORD)
    assert store.read("base", fingerprint_of(BASE, GRAPHS, SETTINGS, 4)) == RECORD
    assert [path.name for path in store.path("base").parent.iterdir()] == ["base.json"]


@pytest.mark.parametrize(
    "other",
    [
        fingerprint_of(BASE, GRAPHS, SETTINGS, 2),
        fingerprint_of(BASE, None, SETTINGS, 4),
        fingerprint_of(replace(BASE, files=BASE.files[1:]), GRAPHS, SETTINGS, 4),
        fingerprint_of(
            BASE, replace(GRAPHS, derived=Derivation("base", BASE.digest, "onnx-int8", "graphs 2")), SETTINGS, 4
        ),
        fingerprint_of(BASE, GRAPHS, replace(SETTINGS, workers=2), 4),
        replace(NOW, processor="another"),
        replace(NOW, flags="other"),
        replace(NOW, graphics=("0000:01:00.0",)),
        replace(NOW, libraries=("onnxruntime 9",)),
        replace(NOW, measuring=NOW.measuring + 1),
    ],
    ids=["cores", "no graphs", "model", "graphs", "settings", "processor", "flags", "cards", "libraries", "measuring"],
)
def test_figures_of_other_circumstances_are_not_used(store: TuningStore, other: tuning_record.Fingerprint) -> None:
    store.write(RECORD)
    assert other != NOW
    assert store.read("base", other) is None


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"seal": "x"}'])
def test_a_damaged_record_is_ignored_and_written_anew(store: TuningStore, damage: bytes) -> None:
    store.write(RECORD)
    path = store.path("base")
    path.chmod(0o600)
    path.write_bytes(damage)
    assert store.read("base", NOW) is None
    assert store.write(RECORD)
    assert store.read("base", NOW) == RECORD


def test_a_figure_that_was_changed_by_hand_or_by_the_disk_is_noticed(store: TuningStore) -> None:
    store.write(RECORD)
    path = store.path("base")
    body = json.loads(path.read_bytes())
    body["plan"]["runtime"] = "ctranslate2"
    path.chmod(0o600)
    path.write_text(json.dumps(body))
    assert store.read("base", NOW) is None


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert not TuningStore(tmp_path / "file" / "tuning").write(RECORD)


def test_a_record_says_why_onnx_runtime_was_out_and_whether_that_may_pass() -> None:
    wrong = Measurement(PLAN, "wrong_words", "5 of 7 known words were not recognised")
    failed = Measurement(PLAN, "failed", "the disk is full")
    other = Measurement(EnginePlan("ctranslate2", 1, 4), latency_s=0.5)

    def with_(*found: Measurement) -> TuningRecord:
        return record_of("base", NOW, other.plan, [other, *found])

    assert (RECORD.trouble, RECORD.lasting) == ("", True)
    assert (with_(wrong).trouble, with_(wrong).lasting) == (wrong.why, True)
    assert (with_(failed).trouble, with_(failed).lasting) == (failed.why, False)
    assert with_(Measurement(PLAN, "skipped", "the time was up")).trouble == ""


def test_a_processor_is_what_its_first_core_says(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    core = "processor\t: {n}\nmodel name\t: Some CPU\nstepping\t: 3\ncpu MHz\t\t: {n}00.5\nflags\t\t: fpu sse {more}\n"
    info.write_text(core.format(n=1, more="avx2") + "\n" + core.format(n=2, more="avx512_vnni"))
    assert (read_processor(info).name, read_processor(info).flags) == ("Some CPU 3", {"fpu", "sse", "avx2"})
    assert not read_processor(info).exact_products
    info.write_text(core.format(n=1, more="avx_vnni"))
    assert read_processor(info).exact_products
    info.write_text("processor\t: 0\nFeatures\t: fp asimd\nCPU part\t: 0xd0c\n")
    assert (read_processor(info).name, read_processor(info).exact_products) == ("0xd0c", True)
    assert read_processor(tmp_path / "none").exact_products
