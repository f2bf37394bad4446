"""The service with its recordings in S3, also while S3 is away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx

from care_voice.store.audio_s3 import S3Audio
from support.s3 import SECRET, FaultyS3, S3Server, refused
from support.server import Service
from support.waiting import wait_until

TUS = {"Tus-Resumable": "1.0.0"}


def begin(service: Service, length: int) -> str:
    """A new upload's address, as soon as the service takes any."""

    def begun() -> httpx.Response | None:
        try:
            answer = service.client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(length)})
        except httpx.TransportError:
            return None
        return answer if answer.status_code == 201 else None

    answer = wait_until(begun, "uploads are taken")
    assert answer is not None
    return answer.headers["Location"]


def append(service: Service, upload: str, offset: int, data: bytes) -> httpx.Response:
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
    return service.client.patch(upload, headers=headers, content=data)


def offset_of(service: Service, upload: str) -> int:
    return int(service.client.head(upload, headers=TUS).headers["Upload-Offset"])


def test_an_upload_goes_on_after_s3_was_away(
    start_service: Callable[..., Service], model_store: Path, s3_server: S3Server, s3_bucket: str, faulty_s3: FaultyS3
) -> None:
    service = start_service(
        model_store, LOG_LEVEL="debug", AUDIO__KIND="s3", AUDIO__S3__BUCKET=s3_bucket, AUDIO__S3__ACCESS_KEY="someone",
        AUDIO__S3__ENDPOINT=faulty_s3.url, AUDIO__S3__SECRET_KEY=SECRET, AUDIO__S3__ATTEMPTS="2",
        AUDIO__S3__BACKOFF_FIRST_S="0.01",
    )  # fmt: skip
    content = bytes(range(256)) * 2000
    half = len(content) // 2
    upload = begin(service, len(content))
    assert append(service, upload, 0, content[:half]).status_code == 204
    faulty_s3.then = refused(500)
    away = append(service, upload, half, content[half:])
    assert (away.status_code, away.json()["code"]) == (503, "audio_unavailable")
    assert offset_of(service, upload) == half
    faulty_s3.then = None
    assert append(service, upload, half, content[half:]).status_code == 204

    audio = S3Audio(s3_server.settings(s3_bucket))
    objects = [each for each in audio.keys("recordings/") if each.size]
    assert sum(each.size for each in objects) >= len(content)
    assert not (service.data_dir / "recordings").exists()
    assert SECRET not in service.log_text()
    assert "Authorization" not in service.log_text()
