"""Recordings with everything that can belong to one, written as the parts of the service write it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from care_voice.domain.ids import new_id
from care_voice.domain.jobs import Checkpoint, JobKind, LeaseRules, Progress
from care_voice.domain.recordings import Wish
from care_voice.store import events, jobs, recordings, search, tables
from care_voice.store.audio import AudioStore
from care_voice.store.database import Connection, Database

SECRET = "鱻麤龘的祕密 zygomorphic quattuordecillion"
"""Words that stand in no other text of the program or its data."""


@dataclass(frozen=True)
class Made:
    """A recording, and the bytes of its sound and of its playback copy."""

    id: str
    sound: bytes
    playback: bytes


def make_recording(
    database: Database, audio: AudioStore, folder: Path, *, text: str = SECRET, client: str = "ann",
    tags: tuple[str, ...] = ("ward",), at: float | None = None, trashed_at: float | None = None, seed: str = "",
) -> Made:  # fmt: skip
    """A complete recording with one row at least in every table; `at` is when it was complete."""
    made = Made(
        new_id("rec", at or 1.0), _bytes(f"sound {text}{seed}", 30_000), _bytes(f"playback {text}{seed}", 5_000)
    )
    with audio.writer(made.id, 0, 1) as writer:
        writer.write(made.sound)
        parts = writer.sync()
    path = folder / f"{made.id}.playback"
    path.write_bytes(made.playback)
    key = f"recordings/{made.id}/playback-1"
    audio.put_file(key, path)
    path.unlink()
    write = partial(_write, made=made, parts=parts, key=key, text=text, client=client, tags=tags)
    database.write(write)
    if at is not None or trashed_at is not None:
        database.write(partial(_date, recording_id=made.id, at=at, trashed_at=trashed_at))
    return made


def _write(
    connection: Connection, *, made: Made, parts: list[Any], key: str, text: str, client: str, tags: tuple[str, ...]
) -> None:
    now = connection.now
    recordings.insert(
        connection, made.id, client=client, source="upload", wish=Wish(options={"prompt": text}), title=f"{text} title",
        filename=f"{text}.ogg", tags=tags, metadata={"note": text}, length=len(made.sound),
    )  # fmt: skip
    recordings.put_parts(connection, made.id, parts)
    connection.run(
        "upsert_asset", recording_id=made.id, kind="playback", key=key, media_type="audio/ogg",
        size=len(made.playback), sha256=hashlib.sha256(made.playback).hexdigest(), now=now,
    )  # fmt: skip
    put(
        connection,
        "idempotency_keys",
        client=client,
        key=made.id,
        request_sha256="0",
        result_id=made.id,
        created_at=now,
    )
    events.append(connection, made.id, "recording.created", {"title": text})
    _write_work(connection, made.id, text)
    _change(
        connection, "state = 'complete', received = :size, completed_at = :now, sha256 = :sha256, transcript_id = :tr",
        made.id, size=len(made.sound), now=now, sha256=hashlib.sha256(made.sound).hexdigest(), tr=f"tr_{made.id}",
    )  # fmt: skip
    search.refresh(connection, made.id)


def _write_work(connection: Connection, recording_id: str, text: str) -> None:
    now, tr = connection.now, f"tr_{recording_id}"
    job = jobs.enqueue(connection, recording_id, JobKind.TRANSCRIBE, client="ann", priority=1, request={"prompt": text})
    put(
        connection, "transcripts", id=tr, recording_id=recording_id, job_id=job.id, number=1, model="base",
        task="transcribe", language="zh", duration_s=3.0, created_at=now,
    )  # fmt: skip
    put(connection, "segments", transcript_id=tr, id="seg_1", place=1.0, start_s=0.0, end_s=3.0, text=text)
    put(
        connection, "edits", transcript_id=tr, revision=1, at=now, who="ann", kind="set_text", before_json='"?"',
        after_json=f'"{text}"',
    )  # fmt: skip
    claimed = jobs.claim(connection, "node", LeaseRules(), [JobKind.TRANSCRIBE])
    assert claimed is not None
    jobs.save_window(connection, claimed.lease, Checkpoint(0, 0.0, 3.0, f'{{"text":"{text}"}}'), Progress(3.0, 3.0))


def _date(connection: Connection, *, recording_id: str, at: float | None, trashed_at: float | None) -> None:
    moments = "completed_at = COALESCE(:at, completed_at), trashed_at = CAST(:trashed_at AS DOUBLE PRECISION)"
    _change(connection, moments, recording_id, at=at, trashed_at=trashed_at)


def _change(connection: Connection, what: str, recording_id: str, **values: Any) -> None:
    text = tables.bound(connection, f"UPDATE recordings SET {what} WHERE id = :id")
    connection.execute(text, {"id": recording_id, **values})


def put(connection: Connection, table: str, **values: Any) -> None:
    """Insert a row; what is not named gets its default."""
    tables.insert(connection, tables.Table(table, tuple(values), ()), [values])


def everything(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table that is kept, in the order of the keys."""

    def read(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        return {
            table.name: [row for page in tables.pages(connection, table) for row in page]
            for table in tables.kept_tables(connection)
        }

    return database.read(read)


def _bytes(seed: str, size: int) -> bytes:
    """Bytes that look like no others."""
    block = b"".join(hashlib.sha256(f"{seed}{n}".encode()).digest() for n in range(size // 32 + 1))
    return block[:size]
