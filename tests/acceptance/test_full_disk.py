"""A full disk refuses the recording with a clear word, and the service goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import running_service


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 12 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_recording_that_does_not_fit_is_refused_and_the_next_one_is_transcribed(
    small_disk: Path, model_store: Path, speech: Path
) -> None:
    small = {"DISK__LOW_BYTES": "0", "DISK__FULL_BYTES": "0"}
    with running_service(small_disk, model_store, **small) as service:
        large = service.client.post(
            "/v1/audio/transcriptions", files={"file": bytes(30_000_000)}, data={"model": "base"}
        )
        assert (large.status_code, large.json()["error"]["code"]) == (507, "storage_full")
        assert list((small_disk / "incoming").iterdir()) == []
        with (speech / "en" / "jfk.flac").open("rb") as file:
            good = service.client.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "base"})
        assert "ask what you can do for your country" in good.json()["text"]
