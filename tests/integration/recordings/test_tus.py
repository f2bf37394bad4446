"""Resumable uploads over HTTP: the real web server on a socket, a real database, a real disk."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from care_voice.api.tus_protocol import read_metadata
from care_voice.app import Application
from care_voice.domain.service_errors import StorageFull
from care_voice.store.audio_directory import DirectoryAudio
from support.intake_server import IntakeServer, intake_server
from support.uploads import held, row
from support.waiting import until

UPLOADS = "/api/v1/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}
SOUND = random.Random(6).randbytes(60)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IntakeServer]:
    async with intake_server(tmp_path) as running:
        yield running


async def create(server: IntakeServer, length: int | None = len(SOUND), **headers: str) -> str:
    """The address of a new upload."""
    sized = {"Upload-Defer-Length": "1"} if length is None else {"Upload-Length": str(length)}
    answer = await server.client.post(UPLOADS, headers={**TUS, **sized, **headers})
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def patch(server: IntakeServer, url: str, offset: int, content: Any, **headers: str) -> httpx.Response:
    return await server.client.patch(url, content=content, headers={**BYTES, "Upload-Offset": str(offset), **headers})


async def head(server: IntakeServer, url: str) -> httpx.Response:
    return await server.client.head(url, headers=TUS)


def bytes_at(server: IntakeServer, url: str) -> bytes:
    parts = server.application.recordings
    return held(parts.db, parts.audio, url.rsplit("/", 1)[1])


def encoded(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    return str(answer.json()["code"])


async def test_it_says_what_it_knows(server: IntakeServer) -> None:
    answer = await server.client.options(UPLOADS)

    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert answer.headers["Tus-Max-Size"] == str(4 * 1024**3)
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"
    assert answer.headers["Tus-Extension"] == (
        "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination"
    )


async def test_an_upload_in_pieces(server: IntakeServer) -> None:
    described = encoded(filename="visit.webm", filetype="audio/webm", title="家訪", tags="home,first", language="zh")
    url = await create(server, **{"Upload-Metadata": described + ",relativePath bnVsbA=="})

    for offset in range(0, 60, 20):
        answer = await patch(server, url, offset, SOUND[offset : offset + 20])
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(offset + 20))
        assert ("Upload-Expires" in answer.headers) == (offset < 40)

    assert bytes_at(server, url) == SOUND
    recording = row(server.application.recordings.db, url.rsplit("/", 1)[1])
    assert recording.complete
    assert (recording.filename, recording.media_type, recording.title) == ("visit.webm", "audio/webm", "家訪")
    assert (recording.tags, recording.metadata) == (("first", "home"), {"relativePath": "null"})
    assert recording.wish.options == {"task": "transcribe", "language": "zh"}


async def test_the_status_of_an_upload(server: IntakeServer) -> None:
    url = await create(server, **{"Upload-Metadata": encoded(filename="a b.wav")})
    await patch(server, url, 0, SOUND[:7])

    answer = await head(server, url)

    assert (answer.status_code, answer.content) == (200, b"")
    assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == ("7", "60")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Upload-Expires"].endswith(" GMT")
    assert answer.headers["Upload-Metadata"] == encoded(filename="a b.wav")
    assert "Upload-Defer-Length" not in answer.headers


async def test_the_status_gives_back_all_that_was_said_at_the_creation(server: IntakeServer) -> None:
    said = {
        "filename": "a.wav", "filetype": "audio/wav", "title": "家訪", "tags": "first,home", "transcribe": "false",
        "language": "zh", "prompt": "血壓", "relativePath": "x/a.wav",
    }  # fmt: skip
    url = await create(server, **{"Upload-Metadata": encoded(**said)})

    answer = await head(server, url)

    assert read_metadata(answer.headers["Upload-Metadata"]) == said


async def test_cut_connections_keep_every_byte_that_came(server: IntakeServer) -> None:
    for offset in (0, 1, 30, 59):
        url = await create(server)
        await _cut_after(server, url, SOUND[:offset])
        where = int((await head(server, url)).headers["Upload-Offset"])
        assert where == offset
        assert (await patch(server, url, where, SOUND[where:])).status_code == 204
        assert bytes_at(server, url) == SOUND


async def _cut_after(server: IntakeServer, url: str, sent: bytes) -> None:
    """Announce the whole upload, send some of it and close the connection; return when the server has noticed."""
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    headers = {"Host": "localhost", **BYTES, "Upload-Offset": "0", "Content-Length": str(len(SOUND))}
    lines = [f"PATCH {url} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode() + sent)
    await writer.drain()
    recording_id, parts = url.rsplit("/", 1)[1], server.application.recordings
    await until(lambda: row(parts.db, recording_id).appender == 1, "the request has begun")
    writer.close()
    await writer.wait_closed()
    await until(lambda: row(parts.db, recording_id).received == len(sent), "what came is acknowledged", 10)


async def test_bytes_at_the_wrong_offset_get_the_right_one(server: IntakeServer) -> None:
    url = await create(server)
    await patch(server, url, 0, SOUND[:20])

    answer = await patch(server, url, 19, SOUND[19:])

    assert (answer.status_code, code(answer)) == (409, "offset_conflict")
    assert answer.headers["Upload-Offset"] == "20"
    assert bytes_at(server, url) == SOUND[:20]


async def test_checksums(server: IntakeServer) -> None:
    url = await create(server)
    for algorithm in ("sha1", "sha256", "md5"):
        digest = base64.b64encode(hashlib.new(algorithm, SOUND[:20]).digest()).decode()
        answer = await patch(server, url, 0, SOUND[1:21], **{"Upload-Checksum": f"{algorithm} {digest}"})
        assert (answer.status_code, code(answer)) == (460, "checksum_mismatch")
    assert (await head(server, url)).headers["Upload-Offset"] == "0"

    answer = await patch(server, url, 0, SOUND[:20], **{"Upload-Checksum": f"md5 {digest}"})

    assert answer.headers["Upload-Offset"] == "20"


async def test_a_second_client_takes_over_and_the_first_is_refused(server: IntakeServer) -> None:
    url, going = await create(server), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"old"
        await going.wait()
        yield b"more of it"

    first = asyncio.create_task(patch(server, url, 0, slowly()))
    parts = server.application.recordings
    await until(lambda: row(parts.db, url.rsplit("/", 1)[1]).appender == 1, "the first one sends")
    # It may have acknowledged its first bytes by now.
    offset = int((await head(server, url)).headers["Upload-Offset"])

    second = await patch(server, url, offset, SOUND[offset:])
    going.set()
    refused = await first

    assert second.status_code == 204
    assert (refused.status_code, code(refused)) == (409, "append_conflict")
    assert bytes_at(server, url) == b"old"[:offset] + SOUND[offset:]


async def test_a_live_recording_without_a_length(server: IntakeServer) -> None:
    url = await create(server, length=None)
    assert (await head(server, url)).headers["Upload-Defer-Length"] == "1"
    await patch(server, url, 0, SOUND[:20])

    answer = await patch(server, url, 20, SOUND[20:], **{"Upload-Length": "60"})

    assert answer.headers["Upload-Offset"] == "60"
    assert (await head(server, url)).headers["Upload-Length"] == "60"
    assert row(server.application.recordings.db, url.rsplit("/", 1)[1]).complete


async def test_bytes_that_come_with_the_creation(server: IntakeServer) -> None:
    answer = await server.client.post(UPLOADS, content=SOUND, headers={**BYTES, "Upload-Length": "60"})

    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "60")
    assert bytes_at(server, answer.headers["Location"]) == SOUND


async def test_bytes_with_a_wrong_checksum_create_nothing(server: IntakeServer) -> None:
    digest = base64.b64encode(hashlib.sha1(b"").digest()).decode()
    headers = {**BYTES, "Upload-Length": "60", "Upload-Checksum": f"sha1 {digest}"}

    answer = await server.client.post(UPLOADS, content=SOUND, headers=headers)

    assert answer.status_code == 460
    assert _recordings(server) == 0


async def test_a_creation_that_is_sent_again_finds_its_upload(server: IntakeServer) -> None:
    key = {"Idempotency-Key": "visit-7"}
    first = await create(server, **key)
    await patch(server, first, 0, SOUND[:20])

    assert await create(server, **key) == first
    answer = await server.client.post(UPLOADS, content=SOUND, headers={**BYTES, "Upload-Length": "60", **key})
    assert (answer.headers["Location"], answer.headers["Upload-Offset"]) == (first, "20")
    answer = await server.client.post(UPLOADS, headers={**TUS, "Upload-Length": "61", **key})
    assert (answer.status_code, code(answer)) == (422, "idempotency_mismatch")
    assert _recordings(server) == 1


async def test_termination(server: IntakeServer) -> None:
    url = await create(server)
    await patch(server, url, 0, SOUND[:20])

    assert (await server.client.delete(url, headers=TUS)).status_code == 204

    gone = await patch(server, url, 20, SOUND[20:])
    assert (gone.status_code, code(gone)) == (404, "recording_not_found")
    assert (await head(server, url)).status_code == 404


async def test_what_is_complete_takes_no_bytes_and_is_not_terminated(server: IntakeServer) -> None:
    url = await create(server, length=3)
    await patch(server, url, 0, b"abc")

    for answer in (await patch(server, url, 3, b"d"), await server.client.delete(url, headers=TUS)):
        assert (answer.status_code, code(answer)) == (409, "recording_complete")
        assert "no upload any more" in answer.json()["detail"]
    assert (await head(server, url)).headers["Upload-Offset"] == "3"


async def test_a_client_that_can_send_no_patch(server: IntakeServer) -> None:
    url = await create(server)
    override = {**BYTES, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}

    assert (await server.client.post(url, content=SOUND[:20], headers=override)).status_code == 204
    answer = await server.client.post(url, headers={**TUS, "X-HTTP-Method-Override": "HEAD"})
    assert answer.headers["Upload-Offset"] == "20"
    answer = await server.client.post(url, headers={**TUS, "X-HTTP-Method-Override": "BREW"})
    assert (answer.status_code, answer.json()["param"]) == (400, "X-HTTP-Method-Override")
    answer = await server.client.post(url, headers={**TUS, "X-HTTP-Method-Override": "DELETE"})
    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({}, 412, "unsupported_tus_version"),
        ({"Tus-Resumable": "0.2.2"}, 412, "unsupported_tus_version"),
        (TUS, 400, "missing_parameter"),
        ({**TUS, "Upload-Length": "-1"}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Length": "1e3"}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Length": "9" * 19}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Length": "9" * 18}, 413, "recording_too_large"),
        ({**TUS, "Upload-Defer-Length": "2"}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Defer-Length": "1", "Upload-Length": "1"}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "filename ???"}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "filename AA=="}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "language " + "eHg="}, 400, "invalid_parameter"),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "model " + "eHg="}, 404, "model_not_found"),
        ({**TUS, "Upload-Length": "1", "Idempotency-Key": ""}, 400, "invalid_parameter"),
    ],
)
async def test_creations_that_are_refused(
    server: IntakeServer, headers: dict[str, str], status: int, expected: str
) -> None:
    answer = await server.client.post(UPLOADS, headers=headers)

    assert (answer.status_code, code(answer)) == (status, expected)
    assert ("Tus-Version" in answer.headers) == (status == 412)
    assert _recordings(server) == 0


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({**TUS, "Upload-Offset": "0", "Content-Type": "text/plain"}, 415, "unsupported_content_type"),
        (BYTES, 400, "missing_parameter"),
        ({**BYTES, "Upload-Offset": "x"}, 400, "invalid_parameter"),
        ({**BYTES, "Upload-Offset": "0", "Upload-Length": "59"}, 400, "invalid_parameter"),
        ({**BYTES, "Upload-Offset": "0", "Upload-Checksum": "crc32 AAAA"}, 400, "invalid_parameter"),
        ({**BYTES, "Upload-Offset": "0", "Upload-Checksum": "md5 AAAA"}, 400, "invalid_parameter"),
        ({"Upload-Offset": "0", "Content-Type": BYTES["Content-Type"]}, 412, "unsupported_tus_version"),
    ],
)
async def test_appends_that_are_refused(
    server: IntakeServer, headers: dict[str, str], status: int, expected: str
) -> None:
    url = await create(server)

    answer = await server.client.patch(url, content=SOUND, headers=headers)

    assert (answer.status_code, code(answer)) == (status, expected)
    assert (await head(server, url)).headers["Upload-Offset"] == "0"


async def test_an_upload_may_be_larger_than_other_bodies(tmp_path: Path) -> None:
    async with intake_server(tmp_path, API__MAX_BODY_BYTES="10") as server:
        url = await create(server)
        assert (await patch(server, url, 0, SOUND)).status_code == 204
        elsewhere = await server.client.post("/api/v1/transcriptions", content=SOUND)
        assert elsewhere.status_code == 413


async def test_a_full_disk_loses_nothing_and_the_upload_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = FillingAudio(tmp_path / "recordings")

    def with_disk(application: Application) -> None:
        application.recordings.intake._audio = disk

    async with intake_server(tmp_path, with_disk) as server:
        sound = random.Random(7).randbytes(5 << 20)
        url = await create(server, length=len(sound))
        disk.room = 3 << 20

        answer = await patch(server, url, 0, sound)

        assert (answer.status_code, code(answer)) == (507, "storage_full")
        where = int((await head(server, url)).headers["Upload-Offset"])
        assert 0 < where <= 3 << 20
        assert bytes_at(server, url) == sound[:where]
        disk.room = 1 << 30
        assert (await patch(server, url, where, sound[where:])).status_code == 204
        assert hashlib.sha256(bytes_at(server, url)).digest() == hashlib.sha256(sound).digest()


class FillingAudio(DirectoryAudio):
    """A directory on a disk with `room` bytes left."""

    room = 0

    def writer(self, recording_id: str, start: int, appender: int) -> Any:
        opened = super().writer(recording_id, start, appender)
        write = opened.write

        def limited(data: bytes) -> None:
            if len(data) > self.room:
                raise StorageFull
            self.room -= len(data)
            write(data)

        opened.write = limited  # type: ignore[method-assign]
        return opened


def _recordings(server: IntakeServer) -> int:
    rows = server.application.recordings.db.read(lambda c: c.fetch("SELECT COUNT(*) AS n FROM recordings", {}))
    return int(rows[0]["n"])
