"""A library with something in it: recordings as they are once their work has ended, or while it goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from care_voice.domain.ids import new_id
from care_voice.domain.jobs import JobKind
from care_voice.domain.recordings import Wish
from care_voice.store import jobs, recordings, search, tables, transcripts
from care_voice.store.database import Connection
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support.stored_speech import transcript_of

LATER_S = 86_400.0
"""Until then no node takes a job: what is written here is not worked on."""


def shelve(data_dir: Path, *lines: str, language: str = "en", job: str = "done", **about: Any) -> str:
    """Put a recording into the library of a service that runs; its id. Without lines it has no transcript.

    `job` is the state of its transcription; `duration_s`, `created_at` and `error` can be told besides what
    `recordings.insert` takes.
    """
    with closing(open_database(StoreSettings(), data_dir)) as database:
        return database.write(lambda connection: _write(connection, lines, language, job, about))


def _write(connection: Connection, lines: tuple[str, ...], language: str, job: str, about: dict[str, Any]) -> str:
    created_at = about.pop("created_at", connection.now)
    duration_s, error = about.pop("duration_s", 2.0 * len(lines) or 60.0), about.pop("error", None)
    one = new_id("rec", created_at)
    recordings.insert(connection, one, client="test", source="upload", wish=Wish(), **about)
    made = jobs.enqueue(connection, one, JobKind.TRANSCRIBE, client="test", priority=1)
    if lines:
        transcripts.write(connection, one, made, transcript_of(*lines, language=language), "base")
    _set(
        connection, "jobs", "recording_id", one, state=job, not_before=connection.now + LATER_S,
        done_s=duration_s / 2, total_s=duration_s, error_code=error, error_json=None if error is None else "{}",
    )  # fmt: skip
    _set(connection, "recordings", "id", one, state="complete", created_at=created_at, duration_s=duration_s)
    search.refresh(connection, one)
    return one


def _set(connection: Connection, table: str, key: str, value: str, **values: Any) -> None:
    what = ", ".join(f"{name} = :{name}" for name in values)
    connection.execute(
        tables.bound(connection, f"UPDATE {table} SET {what} WHERE {key} = :key"), {"key": value, **values}
    )
