"""Measuring and collecting go on whatever lies in the store, and whatever vanishes meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from care_voice.models.puller import Puller
from care_voice.models.store import ModelStore
from care_voice.models.upkeep import collect, usage


@pytest.mark.parametrize("folder", ["blobs/sha256", "views", "incoming", "incoming/one", "records", "signatures"])
def test_a_link_to_nowhere_is_measured_and_collected(puller: Puller, store: ModelStore, folder: str) -> None:
    puller.pull("one")
    (store.directory / folder).mkdir(parents=True, exist_ok=True)
    (store.directory / folder / ".left-over").symlink_to("nowhere")
    before = usage(store).blobs_bytes
    os.utime(store.directory / folder / ".left-over", (0, 0), follow_symlinks=False)
    os.utime(store.directory / folder, (0, 0))
    collect(store, keep_incoming_s=0)
    assert not (store.directory / folder / ".left-over").is_symlink()
    assert before >= usage(store).blobs_bytes
    assert store.verify("one").ok


def test_what_a_killed_writer_of_a_record_left_is_collected_once_it_is_old(puller: Puller, store: ModelStore) -> None:
    puller.pull("one")
    left = store.record_path("one").with_name(".0123")
    left.write_bytes(b"half a record")
    assert collect(store) == 0
    os.utime(left, (0, 0))
    assert collect(store) == len(b"half a record")
    assert store.record("one") is not None


def test_files_that_vanish_while_they_are_measured_are_no_error(
    puller: Puller, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    puller.pull("one")
    real = Path.lstat

    def gone(path: Path) -> os.stat_result:
        if path.parent.name == "sha256":
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr(Path, "lstat", gone)
    assert usage(store).blobs_bytes == 0
