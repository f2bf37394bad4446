"""Sound over HTTP: whole, in ranges, again and again, and never as a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from care_voice.api.server import create_app
from care_voice.api.services import ApiServices, RecordingServices
from care_voice.api.settings import ApiSettings
from care_voice.domain.jobs import JobKind, LeaseRules
from care_voice.domain.recordings import Part
from care_voice.service.playback import Playback, Sound
from care_voice.store import jobs, recordings
from care_voice.store.audio_directory import DirectoryAudio
from care_voice.store.database import Connection, Database
from care_voice.telemetry.metrics import Metrics
from support.stored_speech import keep_recording

SOUND = bytes(range(256)) * 20
DIGEST = "d" * 64


class Listening(Playback):
    """The real one, which a test may let look at rows that have changed since."""

    stale: Sound | None = None

    async def original(self, recording_id: str) -> Sound:
        sound, self.stale = self.stale, None
        return sound or await super().original(recording_id)


@pytest.fixture
def audio(tmp_path: Path) -> DirectoryAudio:
    return DirectoryAudio(tmp_path / "recordings")


@pytest.fixture
def playback(sqlite_database: Database, audio: DirectoryAudio) -> Listening:
    return Listening(sqlite_database, audio)


@pytest.fixture
async def client(sqlite_database: Database, playback: Listening, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    unused: dict[str, object] = dict.fromkeys(ApiServices.__dataclass_fields__)
    parts: dict[str, object] = dict.fromkeys(RecordingServices.__dataclass_fields__)
    kept = RecordingServices(**{**parts, "db": sqlite_database, "playback": playback})
    known = {"settings": ApiSettings(), "metrics": Metrics(), "recordings": kept, "incoming_dir": tmp_path}
    transport = httpx.ASGITransport(create_app(ApiServices(**{**unused, **known})), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def kept(sqlite_database: Database, audio: DirectoryAudio) -> str:
    """A complete recording in two parts, with a waveform and without a copy for playback; its id."""
    recording_id = keep_recording(sqlite_database, filename="口述 1.m4a", media_type="audio/mp4")
    put_sound(sqlite_database, audio, recording_id, SOUND[:1000], SOUND[1000:])
    key = f"recordings/{recording_id}/waveform-1"
    with audio.writer(recording_id, 0, 9) as writer:
        writer.write(b"peaks")
        (part,) = writer.sync()
    key = part.key
    sqlite_database.write(
        lambda conn: conn.run(
            "upsert_asset", recording_id=recording_id, kind="waveform", key=key, media_type="application/octet-stream",
            size=5, sha256="w" * 64, now=conn.now,
        )
    )  # fmt: skip
    return recording_id


def put_sound(database: Database, audio: DirectoryAudio, recording_id: str, *pieces: bytes) -> None:
    start = 0
    for number, piece in enumerate(pieces):
        with audio.writer(recording_id, start, number) as writer:
            writer.write(piece)
            parts = writer.sync()
        database.write(lambda conn, parts=parts: recordings.put_parts(conn, recording_id, parts))
        start += len(piece)
    complete = "UPDATE recordings SET state = 'complete', received = :received, sha256 = :sha256 WHERE id = :id"
    database.write(lambda conn: conn.execute(complete, {"received": start, "sha256": DIGEST, "id": recording_id}))


async def ask(client: httpx.AsyncClient, recording_id: str, what: str = "audio", **headers: str) -> httpx.Response:
    return await client.get(
        f"/api/v1/recordings/{recording_id}/{what}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


async def test_the_whole_comes_as_it_was_sent(client: httpx.AsyncClient, kept: str) -> None:
    answer = await ask(client, kept)

    assert (answer.status_code, answer.content) == (200, SOUND)
    assert answer.headers["etag"] == f'"{DIGEST}"'
    assert answer.headers["content-type"] == "audio/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"
    assert "%E5%8F%A3%E8%BF%B0%201.m4a" in answer.headers["content-disposition"]


async def test_a_head_says_the_same_without_the_bytes(client: httpx.AsyncClient, kept: str) -> None:
    head = await client.head(f"/api/v1/recordings/{kept}/audio", headers={"Range": "bytes=0-1"})
    whole = await ask(client, kept)

    assert (head.status_code, head.content) == (200, b"")
    varying = {"x-request-id", "date", "server-timing"}
    assert {k: v for k, v in head.headers.items() if k not in varying} == {
        k: v for k, v in whole.headers.items() if k not in varying
    }


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=990-1009", 990, 1010), ("bytes=-5", 5115, 5120), ("bytes=5000-", 5000, 5120)],
)
async def test_a_range_is_given_across_parts(
    client: httpx.AsyncClient, kept: str, asked: str, start: int, end: int
) -> None:
    answer = await ask(client, kept, Range=asked)

    assert (answer.status_code, answer.content) == (206, SOUND[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(SOUND)}"
    assert answer.headers["content-length"] == str(end - start)


async def test_a_range_behind_the_end_is_refused(client: httpx.AsyncClient, kept: str) -> None:
    answer = await ask(client, kept, Range=f"bytes={len(SOUND)}-")

    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"
    assert answer.json()["code"] == "range_not_satisfiable"


async def test_conditions_are_heeded(client: httpx.AsyncClient, kept: str) -> None:
    assert (await ask(client, kept, If_None_Match=f'"{DIGEST}"')).status_code == 304
    assert (await ask(client, kept, If_Range=f'"{DIGEST}"', Range="bytes=0-1")).status_code == 206
    assert (await ask(client, kept, If_Range='"another"', Range="bytes=0-1")).content == SOUND


async def test_what_was_made_is_given_and_what_was_not_is_named(client: httpx.AsyncClient, kept: str) -> None:
    assert (await ask(client, kept, "waveform")).content == b"peaks"
    missing = await ask(client, kept, "playback")

    assert (missing.status_code, missing.json()["code"]) == (404, "asset_not_found")


async def test_what_could_not_be_made_is_told_with_the_reason(
    client: httpx.AsyncClient, sqlite_database: Database, kept: str
) -> None:
    def work(connection: Connection) -> None:
        jobs.enqueue(connection, kept, JobKind.DERIVE, client="t", priority=1)
        job = jobs.claim(connection, "node", LeaseRules(), [JobKind.DERIVE])
        assert job is not None
        error = {"message": "It is garbage.", "hint": "Send sound."}
        jobs.fail(connection, job.lease, "unreadable_media", error, rules=None)

    sqlite_database.write(work)
    failed = (await ask(client, kept, "playback")).json()
    assert (failed["status"], failed["code"], failed["hint"]) == (404, "asset_failed", "Send sound.")
    assert failed["detail"].endswith("could not be made: It is garbage.")
    assert (await ask(client, kept, "waveform")).content == b"peaks"


async def test_a_recording_that_is_still_received_cannot_be_heard(
    client: httpx.AsyncClient, sqlite_database: Database
) -> None:
    answer = await ask(client, keep_recording(sqlite_database))

    assert (answer.status_code, answer.json()["code"]) == (409, "recording_incomplete")


@pytest.mark.parametrize("nothing", ["rec_nothing", "%00", "..", "a" * 500])
async def test_what_is_not_there_is_not_found(client: httpx.AsyncClient, nothing: str) -> None:
    assert (await ask(client, nothing)).status_code == 404


async def test_a_page_that_was_uploaded_is_not_shown_as_one(
    client: httpx.AsyncClient, sqlite_database: Database, audio: DirectoryAudio
) -> None:
    page = keep_recording(sqlite_database, filename="a.html", media_type="text/html")
    put_sound(sqlite_database, audio, page, b"<script>alert(1)</script>")
    answer = await ask(client, page)

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")


async def test_sound_that_was_joined_at_this_moment_is_found_where_it_lies_now(
    client: httpx.AsyncClient, playback: Listening, kept: str
) -> None:
    now = await playback.original(kept)
    playback.stale = replace(now, parts=(Part(0, len(SOUND), f"recordings/{kept}/gone"),))

    assert (await ask(client, kept)).content == SOUND


async def test_sound_that_is_gone_is_an_error_and_no_empty_file(
    client: httpx.AsyncClient, sqlite_database: Database, audio: DirectoryAudio, kept: str
) -> None:
    parts = sqlite_database.read(lambda conn: recordings.parts(conn, kept))
    await asyncio.to_thread(audio.delete, [part.key for part in parts])
    answer = await ask(client, kept)

    assert (answer.status_code, answer.json()["code"]) == (500, "audio_missing")


async def test_a_recording_without_bytes_is_empty(
    client: httpx.AsyncClient, sqlite_database: Database, audio: DirectoryAudio
) -> None:
    empty = keep_recording(sqlite_database)
    put_sound(sqlite_database, audio, empty)

    assert (await ask(client, empty)).content == b""
    assert (await ask(client, empty, Range="bytes=0-")).status_code == 416
