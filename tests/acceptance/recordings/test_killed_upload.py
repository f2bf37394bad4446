"""kill -9 of the service in the middle of an upload: every acknowledged byte is there, and the upload goes on."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx

from care_voice.store import recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support.server import Service
from support.waiting import wait_until

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
SOUND = random.Random(10).randbytes(6_000_000)
KILLS = 3
SETTINGS = {
    "CARE_VOICE_INTAKE__SYNC_S": "0.02",
    "CARE_VOICE_INTAKE__KEEP_FREE_BYTES": "0",
    # Recordings are taken in while nothing can decode them.
    "CARE_VOICE_ENGINE__KIND": "remote",
    "CARE_VOICE_REMOTE__URL": "http://127.0.0.1:9",
}


def test_an_upload_survives_kills_of_the_service(tmp_path: Path) -> None:
    url, acknowledged = "", 0
    for killed in range(KILLS):
        service = Service(tmp_path, tmp_path / "models", SETTINGS)
        try:
            url = url or _created(service)
            acknowledged = _send_and_kill(service, url, acknowledged, len(SOUND) * (killed + 1) // (KILLS + 1))
        finally:
            service.end()
        _check(tmp_path, url, acknowledged)

    _finish(tmp_path, url)
    _check(tmp_path, url, len(SOUND))


def _send_and_kill(service: Service, url: str, acknowledged: int, limit: int) -> int:
    """Go on with the upload and kill the service when more than `limit` bytes are acknowledged; how many were."""
    offset = _offset(service, url)
    assert offset >= acknowledged
    with _sending(service, url, offset):
        seen = wait_until(lambda: _past(service, url, limit), "bytes are acknowledged")
        service.process.kill()
        service.process.wait(30)
    return seen or 0


def _created(service: Service) -> str:
    answer = wait_until(lambda: _try(service, "POST", UPLOADS, {"Upload-Length": str(len(SOUND))}), "an upload begins")
    return answer.headers["Location"]


def _offset(service: Service, url: str) -> int:
    return int(
        wait_until(lambda: _try(service, "HEAD", url, {}), "the service knows the upload").headers["Upload-Offset"]
    )


def _past(service: Service, url: str, limit: int) -> int | None:
    """What is acknowledged, once it is more than `limit`."""
    offset = _offset(service, url)
    return offset if offset > limit else None


def _try(service: Service, method: str, path: str, headers: dict[str, str]) -> httpx.Response | None:
    """The answer, where there is one and the service is as far as that."""
    try:
        answer = service.client.request(method, path, headers={**TUS, **headers})
    except httpx.TransportError:
        return None
    return answer if answer.status_code < 300 else None


@contextmanager
def _sending(service: Service, url: str, offset: int) -> Iterator[None]:
    """Send the rest of the sound in the background, but for its last byte, so that the request is never whole."""
    ended = threading.Event()

    def rest() -> Iterator[bytes]:
        for start in range(offset, len(SOUND) - 1, 50_000):
            yield SOUND[start : min(start + 50_000, len(SOUND) - 1)]
            # Paced, so that many commits fall into the time before the kill.
            ended.wait(0.005)
        ended.wait()

    def send() -> None:
        headers = {**BYTES, "Upload-Offset": str(offset)}
        with suppress(httpx.TransportError):
            httpx.patch(service.url + url, content=rest(), headers=headers, timeout=60)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _finish(data_dir: Path, url: str) -> None:
    service = Service(data_dir, data_dir / "models", SETTINGS)
    try:
        offset = _offset(service, url)
        answer = service.client.patch(url, content=SOUND[offset:], headers={**BYTES, "Upload-Offset": str(offset)})
        assert answer.status_code == 204, answer.text
        assert service.stop() == 0
    finally:
        service.end()


def _check(data_dir: Path, url: str, acknowledged: int) -> None:
    """The bytes that the database names are the sound's first, and there are at least as many as were acknowledged."""
    database = open_database(StoreSettings(), data_dir)
    try:
        recording_id = url.rsplit("/", 1)[1]
        recording = database.read(lambda connection: recordings.get(connection, recording_id))
        parts = database.read(lambda connection: recordings.parts(connection, recording_id))
    finally:
        database.close()
    held = b"".join(DirectoryAudio(data_dir / "recordings").read(parts))
    assert len(held) == recording.received >= acknowledged
    assert held == SOUND[: len(held)]
    assert recording.complete == (len(held) == len(SOUND))
