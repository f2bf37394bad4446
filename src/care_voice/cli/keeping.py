"""`care-voice transcribe --keep`: each file becomes a recording of this installation, and its transcript is printed.

A server that runs on the same data directory does the work. Without one the engine is started here, as a node among
others would; what is not finished when the command is ended goes on with the next one.
"""

from __future__ import annotations

import asyncio
import mimetypes
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from care_voice.app import Application
from care_voice.cli.kept import Kept, opened_kept
from care_voice.config import Settings
from care_voice.domain.errors import CareVoiceError
from care_voice.domain.jobs import Job, JobKind, JobState
from care_voice.domain.recordings import Wish
from care_voice.service.folder_import import CLIENT
from care_voice.service.intake import NewRecording
from care_voice.service.option_texts import to_texts
from care_voice.service.options import TranscriptionOptions
from care_voice.store import jobs

_LOOK_EVERY_S = 0.25
"""A server of another process tells nothing over SQLite, so that its work is looked at."""
_GIVE_BACK_S = 5.0
_BLOCK_BYTES = 1024 * 1024

Progress = Callable[[float, float | None], None]


class NotTranscribed(CareVoiceError):
    """{why} The recording is kept as {recording_id}."""

    code = "not_transcribed"
    hint = "{advice}"


class Keeper:
    """Keeps files and waits for their transcripts."""

    def __init__(self, kept: Kept, say: Callable[[str], None], *, works_here: bool) -> None:
        self._kept = kept
        self._say = say
        self._works_here = works_here
        self._ids: list[str] = []

    async def take(self, path: Path, name: str, options: TranscriptionOptions, progress: Progress) -> str:
        """The id of the recording, once it is transcribed; `name` is that of the file, for people.

        Raises:
            NotTranscribed: It is kept without a transcript.
            StorageFull, QuotaExceeded, RecordingTooLarge, StoreError: It is not kept.
        """
        recording_id = await self._received(path, name, options)
        self._say(f"{name}: kept as {recording_id}")
        job = await self._ended(await self._job_of(recording_id, JobKind.TRANSCRIBE), progress)
        if job.state is not JobState.DONE:
            error = job.error or {}
            why = str(error.get("message") or "Its transcription was cancelled.")
            advice = error.get("hint") or f"`care-voice recordings retry {recording_id}` tries again."
            raise NotTranscribed(why=why, recording_id=recording_id, advice=advice)
        return recording_id

    async def settle(self) -> None:
        """Let the copies for playback be made too, where no server will do it."""
        for recording_id in self._ids if self._works_here else ():
            await self._ended(await self._job_of(recording_id, JobKind.DERIVE), lambda *_: None)

    async def text(self, recording_id: str, form: str) -> str:
        """The transcript in one of the formats of an export."""
        exported = await self._kept.transcripts.export(recording_id, None, form)
        return exported.body.decode()

    async def _received(self, path: Path, name: str, options: TranscriptionOptions) -> str:
        filename = "" if name == "-" else Path(name).name
        new = NewRecording(
            client=CLIENT,
            source="command_line",
            filename=filename,
            media_type=mimetypes.guess_type(filename)[0] or "",
            wish=Wish(options=to_texts(options)),
            length=(await asyncio.to_thread(path.stat)).st_size,
        )
        recording = await self._kept.intake.create(new)
        await self._kept.intake.append(recording.id, 0, _chunks(path))
        self._ids.append(recording.id)
        return recording.id

    async def _job_of(self, recording_id: str, kind: JobKind) -> Job:
        every = await self._kept.db.aread(partial(jobs.of_recording, recording_id=recording_id))
        return next(job for job in every if job.kind is kind)

    async def _ended(self, job: Job, progress: Progress) -> Job:
        while job.state.active:
            if not self._works_here and not self._kept.is_served:
                why = "The server has ended; it goes on with this when it is started again."
                raise NotTranscribed(why=why, recording_id=job.recording_id, advice="`care-voice start`")
            progress(job.done_s, job.total_s)
            await asyncio.sleep(_LOOK_EVERY_S)
            job = await self._kept.db.aread(partial(jobs.get, job_id=job.id))
        return job


@asynccontextmanager
async def opened_keeper(settings: Settings, say: Callable[[str], None]) -> AsyncIterator[Keeper]:
    """Something to keep files with: over a server that runs, else over an engine that runs as long as the block.
    `say` tells people where each file is kept."""
    async with opened_kept(settings) as kept:
        if kept.is_served:
            yield Keeper(kept, say, works_here=False)
            return
    application = Application(settings)
    parts = application.recordings
    try:
        await application.lifecycle.start_and_wait()
        running = asyncio.create_task(parts.runner.run(), name="jobs")
        try:
            yield Keeper(Kept(settings, parts.db, parts.audio, parts.intake), say, works_here=True)
        finally:
            await parts.drain(_GIVE_BACK_S)
            running.cancel()
            await asyncio.wait([running])
    finally:
        await application.close()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, _BLOCK_BYTES):
            yield block
