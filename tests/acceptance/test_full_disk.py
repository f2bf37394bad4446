"""A full disk refuses the recording with a clear word, and the service goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.disks import MIB, PAGE, Disk
from support.server import Service, running_service
from support.waiting import wait_until


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


def test_recordings_go_first_as_the_disk_fills_up_and_everything_is_as_before_once_there_is_room(
    make_disk: Callable[[int], Disk], model_store: Path, speech: Path
) -> None:
    disk = make_disk(96)
    limits = {"DISK__LOW_BYTES": str(40 * MIB), "DISK__FULL_BYTES": str(20 * MIB), "DISK__LOOK_EVERY_S": "0.1"}
    clip = (speech / "en" / "jfk.flac").read_bytes()
    with running_service(disk.path, model_store, **limits, INTAKE__KEEP_FREE_BYTES="0") as service:
        disk.leave(30 * MIB // PAGE)
        health = wait_until(lambda: told(service, "low"), "little room is noticed")
        assert (health["status"], health["warning"]["code"]) == ("ready", "storage_low")
        assert transcribed(service, clip).status_code == 200

        disk.leave(10 * MIB // PAGE)
        health = wait_until(lambda: told(service, "full"), "less room is noticed")
        assert (health["status"], health["reason"]["code"]) == ("degraded", "storage_full")
        assert service.client.get("/health/ready").status_code == 503
        assert service.metric("care_voice_disk_level") == 2
        refused = transcribed(service, clip)
        assert (refused.status_code, refused.json()["error"]["code"]) == (507, "storage_full")
        kept = service.client.post("/api/v1/recordings", files={"file": ("visit.flac", clip)})
        assert kept.status_code == 201, kept.text
        assert states(service, kept.json()["id"]) == {"queued"}

        disk.free()
        wait_until(lambda: told(service, "ample"), "room is noticed")
        assert transcribed(service, clip).status_code == 200
        wait_until(lambda: states(service, kept.json()["id"]) == {"done"}, "what had been put off is done")


def told(service: Service, level: str) -> dict[str, Any] | None:
    health: dict[str, Any] = service.client.get("/health").json()
    return health if health["disk"]["level"] == level else None


def transcribed(service: Service, clip: bytes) -> httpx.Response:
    return service.client.post("/v1/audio/transcriptions", files={"file": clip}, data={"model": "base"})


def states(service: Service, recording_id: str) -> set[str]:
    """Of all work on a recording."""
    return {job["state"] for job in service.client.get(f"/api/v1/recordings/{recording_id}/jobs").json()["items"]}
