"""Whole recordings as one form, and live ones that begin empty: the real web server, database and disk."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.intake_server import IntakeServer, intake_server
from support.uploads import held, row
from support.waiting import until

RECORDINGS = "/api/v1/recordings"
SOUND = random.Random(9).randbytes(3_000_000)
BOUNDARY = "xxBOUNDARYxx"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IntakeServer]:
    async with intake_server(tmp_path) as running:
        yield running


async def send(server: IntakeServer, sound: bytes = SOUND, key: str | None = None, **fields: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    files = {"file": ("../visit.webm", sound, "audio/webm")}
    return await server.client.post(RECORDINGS, data=fields, files=files, headers=headers)


async def begin(server: IntakeServer, key: str | None = None, **fields: Any) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return await server.client.post(RECORDINGS, json=fields, headers=headers)


def bytes_of(server: IntakeServer, body: dict[str, Any]) -> bytes:
    parts = server.application.recordings
    return held(parts.db, parts.audio, body["id"])


def count(server: IntakeServer, table: str = "recordings") -> int:
    rows = server.application.recordings.db.read(lambda c: c.fetch(f"SELECT COUNT(*) AS n FROM {table}", {}))
    return int(rows[0]["n"])


async def test_a_form_is_a_complete_recording(server: IntakeServer) -> None:
    answer = await send(
        server,
        title="家訪",
        **{"tags[]": ["home", "first"]},
        language="zh",
        hotwords="左小蕾",
        metadata='{"case": "7"}',
    )

    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{RECORDINGS}/{body['id']}"
    assert (body["state"], body["received"], body["upload_url"]) == ("complete", len(SOUND), None)
    assert (body["filename"], body["media_type"], body["title"]) == ("visit.webm", "audio/webm", "家訪")
    assert (body["tags"], body["metadata"], body["source"]) == (["first", "home"], {"case": "7"}, "form")
    assert bytes_of(server, body) == SOUND
    wish = row(server.application.recordings.db, body["id"]).wish
    assert wish.options == {"task": "transcribe", "language": "zh", "hotwords": "左小蕾"}
    assert count(server, "jobs") == 2


async def test_fields_may_come_after_the_file(server: IntakeServer) -> None:
    content = _form([_file(b"sound"), _field("title", "later"), _field("tags", "a")])

    answer = await server.client.post(RECORDINGS, content=content, headers=_FORM)

    assert (answer.status_code, answer.json()["title"], answer.json()["tags"]) == (201, "later", ["a"])
    assert row(server.application.recordings.db, answer.json()["id"]).title == "later"


@pytest.mark.parametrize(
    ("content", "status", "expected"),
    [
        ([], 400, "missing_parameter"),
        (["title"], 400, "missing_parameter"),
        (["file", "unknown"], 400, "unsupported_parameter"),
        (["file", "language"], 400, "invalid_parameter"),
        (["model", "file"], 404, "model_not_found"),
        (["file", "model"], 404, "model_not_found"),
        (["empty"], 422, "empty_file"),
        (["file", "file"], 400, "invalid_parameter"),
        (["file", "cut"], 400, "invalid_parameter"),
    ],
)
async def test_forms_that_are_refused_leave_nothing(
    server: IntakeServer, content: list[str], status: int, expected: str
) -> None:
    parts = {"file": _file(b"sound"), "empty": _file(b""), "cut": b""}
    body = _form([parts.get(name, _field(name, "nonsense")) for name in content])
    if "cut" in content:
        body = body.removesuffix(_END)

    answer = await server.client.post(RECORDINGS, content=body, headers=_FORM)

    assert (answer.status_code, answer.json()["code"]) == (status, expected)
    assert count(server) == 0
    assert count(server, "jobs") == 0


async def test_a_body_of_another_kind_is_refused(server: IntakeServer) -> None:
    answer = await server.client.post(RECORDINGS, content=b"sound", headers={"Content-Type": "audio/wav"})

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_a_form_that_is_cut_off_leaves_nothing(server: IntakeServer) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    content = _form([_file(SOUND)])
    lines = [f"POST {RECORDINGS} HTTP/1.1", "Host: localhost", f"Content-Type: {_FORM['Content-Type']}",
             f"Content-Length: {len(content)}", "", ""]  # fmt: skip
    writer.write("\r\n".join(lines).encode() + content[: len(content) // 2])
    await writer.drain()
    await until(lambda: count(server) == 1, "the recording is being received")

    writer.close()
    await writer.wait_closed()

    await until(lambda: count(server) == 0, "it is withdrawn")


async def test_the_same_form_with_the_same_key_is_one_recording(server: IntakeServer) -> None:
    first, again = [await send(server, key="visit-7", title="x") for _ in range(2)]
    other_sound = await send(server, SOUND[:-1] + b"?", key="visit-7", title="x")
    other_title = await send(server, key="visit-7", title="y")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    for answer in (other_sound, other_title):
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
    assert (count(server), count(server, "jobs")) == (1, 2)


async def test_a_form_too_large_is_refused(tmp_path: Path) -> None:
    async with intake_server(tmp_path, INTAKE__MAX_RECORDING_BYTES="1000") as server:
        declared = await send(server)
        content = _form([_file(b"x" * 1001)])

        async def undeclared() -> AsyncIterator[bytes]:
            yield content

        streamed = await server.client.post(RECORDINGS, content=undeclared(), headers=_FORM)

        for answer in (declared, streamed):
            assert (answer.status_code, answer.json()["code"]) == (413, "recording_too_large")
        assert count(server) == 0


async def test_a_live_recording_begins_empty_grows_and_is_ended(server: IntakeServer) -> None:
    body = (await begin(server, title="visit", media_type="audio/webm", language="en", tags=["home"])).json()
    assert (body["state"], body["source"], body["length"], body["received"]) == ("receiving", "live", None, 0)

    headers = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}
    for offset in (0, 1000, 2000):
        chunk = SOUND[offset : offset + 1000]
        answer = await server.client.patch(
            body["upload_url"], content=chunk, headers={**headers, "Upload-Offset": str(offset)}
        )
        assert answer.status_code == 204
    ended = await server.client.post(f"{RECORDINGS}/{body['id']}/complete")

    assert (ended.status_code, ended.json()["state"], ended.json()["length"]) == (200, "complete", 3000)
    assert bytes_of(server, body) == SOUND[:3000]
    assert (await server.client.post(f"{RECORDINGS}/{body['id']}/complete")).json() == ended.json()
    assert (await server.client.post(f"{RECORDINGS}/rec_none/complete")).status_code == 404
    assert count(server, "jobs") == 2


async def test_a_live_recording_is_begun_once_with_a_key(server: IntakeServer) -> None:
    first, again = [await begin(server, key="k", title="x") for _ in range(2)]

    assert first.json()["id"] == again.json()["id"]
    assert (await begin(server, key="k", title="y")).status_code == 422
    assert count(server) == 1


@pytest.mark.parametrize(
    ("content", "status", "expected"),
    [
        (b"[]", 400, "invalid_parameter"),
        (b'{"unknown": 1}', 400, "unsupported_parameter"),
        (b'{"title": "' + b"x" * 70_000 + b'"}', 413, "body_too_large"),
        (b'{"title": "a\\u0000b"}', 400, "invalid_parameter"),
        (b'{"title": "\\ud800"}', 400, "invalid_parameter"),
        (b'{"beam_size": 99}', 400, "invalid_parameter"),
    ],
)
async def test_live_recordings_that_are_refused(
    server: IntakeServer, content: bytes, status: int, expected: str
) -> None:
    answer = await server.client.post(RECORDINGS, content=content, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (status, expected)
    assert count(server) == 0


_FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
_END = f"--{BOUNDARY}--\r\n".encode()


def _form(parts: list[bytes]) -> bytes:
    return b"".join(parts) + _END


def _file(content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return head.encode() + content + b"\r\n"


def _field(name: str, value: str) -> bytes:
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
