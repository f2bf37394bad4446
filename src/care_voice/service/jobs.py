"""Jobs as clients ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from care_voice.domain.jobs import Job, JobKind, JobPriority
from care_voice.domain.recordings import Wish
from care_voice.domain.store_errors import RecordingIncomplete
from care_voice.store import idempotency, jobs, nodes, recordings
from care_voice.store.database import Connection, Database
from care_voice.store.nodes import SeenNode


class Jobs:
    """Every method may raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def transcribe(self, recording_id: str, wish: Wish, client: str, key: str | None) -> tuple[Job, bool]:
        """Transcribe a recording, again or otherwise than before; earlier transcripts stay. Whether the job is new:
        with a `key` that was used for the same it is the one of then.

        Raises:
            UnknownRecording: There is none, or it is in the trash.
            RecordingIncomplete: It is still being received.
            IdempotencyMismatch: The key was used for another request.
        """

        def work(connection: Connection) -> tuple[Job, bool]:
            if not recordings.get(connection, recording_id).complete:
                raise RecordingIncomplete
            asked = {"recording_id": recording_id, "wish": asdict(wish)}
            job_id, new = idempotency.once(connection, client, key, asked, lambda: make(connection))
            return jobs.get(connection, job_id), new

        def make(connection: Connection) -> str:
            priority = JobPriority.BULK if wish.bulk else JobPriority.INTERACTIVE
            return jobs.enqueue(
                connection, recording_id, JobKind.TRANSCRIBE, client=client, priority=priority, request=asdict(wish)
            ).id

        return await self._database.awrite(work)

    async def of_recording(self, recording_id: str) -> list[Job]:
        """All jobs of a recording, the oldest first. Raises UnknownRecording."""

        def read(connection: Connection) -> list[Job]:
            recordings.get(connection, recording_id, trashed=True)
            return jobs.of_recording(connection, recording_id)

        return await self._database.aread(read)

    async def transcriptions(self, ids: Sequence[str]) -> dict[str, Job]:
        """The newest transcription of each of the recordings that has one, by the recording's id."""
        return await self._database.aread(lambda c: jobs.latest(c, ids, JobKind.TRANSCRIBE))

    async def get(self, job_id: str) -> Job:
        """Raises UnknownJob."""
        return await self._database.aread(lambda c: jobs.get(c, job_id))

    async def cancel(self, job_id: str) -> Job:
        """Raises UnknownJob, and JobNotActive where it has ended."""
        return await self._database.awrite(lambda c: jobs.cancel(c, job_id))

    async def retry(self, job_id: str) -> Job:
        """Queue it again; what it has computed counts. Raises UnknownJob, and JobNotActive where it has not failed."""
        return await self._database.awrite(lambda c: jobs.retry(c, job_id))

    async def nodes(self) -> list[SeenNode]:
        """The nodes that work on this database."""
        return await self._database.aread(nodes.every)


def wanted(request: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The model (empty: the default one) and the options that a job of transcription asks for."""
    return str(request.get("model") or ""), dict(request.get("options") or {})
