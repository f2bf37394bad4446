"""The real tus-js-client against the real web server: whole, cut off again and again, live, given up."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.cutting_proxy import cutting_proxy
from support.intake_server import IntakeServer, intake_server
from support.uploads import held, row

PACKAGES = Path(__file__).resolve().parents[3] / "web" / "package.json"
SCRIPT = Path(__file__).resolve().parents[2] / "support" / "tus_client.mjs"
SOUND = random.Random(8).randbytes(300_000)


@pytest.fixture(scope="module", autouse=True)
def node() -> str:
    """Node, which runs the client; the test is skipped where it or the client is not installed."""
    found = shutil.which("node")
    if found is None or not (PACKAGES.parent / "node_modules" / "tus-js-client").is_dir():
        pytest.skip("node or tus-js-client is not installed: npm ci in web/")
    return found


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[IntakeServer]:
    async with intake_server(tmp_path) as running:
        yield running


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "visit.webm"
    path.write_bytes(SOUND)
    return path


async def upload(node: str, port: int, sound: Path, **options: Any) -> dict[str, Any]:
    """What the client says in the end."""
    wish = {"endpoint": f"http://127.0.0.1:{port}/api/v1/uploads", "file": str(sound), **options}
    if not options.get("live"):
        wish["uploadSize"] = len(SOUND)
    process = await asyncio.create_subprocess_exec(
        node, str(SCRIPT), str(PACKAGES), json.dumps(wish), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    told: dict[str, Any] = json.loads(output)
    return told


def bytes_of(server: IntakeServer, told: dict[str, Any]) -> bytes:
    parts = server.application.recordings
    return held(parts.db, parts.audio, told["url"].rsplit("/", 1)[1])


async def test_a_file_in_one_request(server: IntakeServer, node: str, sound: Path) -> None:
    told = await upload(node, server.port, sound, metadata={"filename": "家訪.webm", "filetype": "audio/webm"})

    assert told["requests"] == ["POST 201", "PATCH 204"]
    recording = row(server.application.recordings.db, told["url"].rsplit("/", 1)[1])
    assert (recording.state, recording.filename, recording.media_type) == ("complete", "家訪.webm", "audio/webm")
    assert bytes_of(server, told) == SOUND


async def test_a_file_in_chunks_with_the_first_along_with_the_creation(
    server: IntakeServer, node: str, sound: Path
) -> None:
    told = await upload(node, server.port, sound, chunkSize=100_000, uploadDataDuringCreation=True)

    assert told["requests"] == ["POST 201", "PATCH 204", "PATCH 204"]
    assert bytes_of(server, told) == SOUND


async def test_a_client_that_sends_no_patch(server: IntakeServer, node: str, sound: Path) -> None:
    told = await upload(node, server.port, sound, overridePatchMethod=True)

    assert told["requests"] == ["POST 201", "POST 204"]
    assert bytes_of(server, told) == SOUND


async def test_a_connection_that_is_cut_again_and_again(server: IntakeServer, node: str, sound: Path) -> None:
    async with cutting_proxy(server.port, [2_000, 70_000, 30_000, 1_500, 150_000]) as port:
        told = await upload(node, port, sound)

    assert told["done"]
    assert told["requests"].count("HEAD 200") >= 5
    assert bytes_of(server, told) == SOUND


async def test_a_page_that_is_opened_again_goes_on_where_it_was(server: IntakeServer, node: str, sound: Path) -> None:
    first = await upload(node, server.port, sound, chunkSize=100_000, abortAfter=100_000)
    again = await upload(node, server.port, sound, uploadUrl=first["url"])

    assert first["aborted"] == 100_000
    assert again["requests"] == ["HEAD 200", "PATCH 204"]
    assert bytes_of(server, again) == SOUND


async def test_a_live_recording(server: IntakeServer, node: str, sound: Path) -> None:
    told = await upload(node, server.port, sound, live=True, chunkSize=120_000)

    recording = row(server.application.recordings.db, told["url"].rsplit("/", 1)[1])
    assert told["done"]
    assert (recording.state, recording.length) == ("complete", len(SOUND))
    assert bytes_of(server, told) == SOUND


async def test_an_upload_that_is_given_up(server: IntakeServer, node: str, sound: Path) -> None:
    told = await upload(node, server.port, sound, chunkSize=100_000, abortAfter=100_000, terminate=True)

    assert told["requests"][-1] == "DELETE 204"
    assert (await server.client.head(told["url"], headers={"Tus-Resumable": "1.0.0"})).status_code == 404


async def test_what_is_refused_is_told(server: IntakeServer, node: str, sound: Path) -> None:
    told = await upload(node, server.port, sound, metadata={"language": "xx"})

    assert "400" in told["error"]
    assert "invalid_parameter" in told["error"]
