"""Jobs of transcription: a recording's sound in; its windows kept one by one, then its transcript, out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from care_voice.domain.errors import EmptyFile, UnknownModel
from care_voice.domain.jobs import Checkpoint, Job, JobPriority, Progress
from care_voice.domain.recordings import Part
from care_voice.domain.service_errors import WorkerFailed
from care_voice.domain.store_errors import AudioMissing
from care_voice.domain.transcript import Segment, Transcript
from care_voice.scheduler.work import Caller, Priority
from care_voice.service import transcription
from care_voice.service.checkpoints import KnownWindow, from_json, recipe_of, to_json
from care_voice.service.in_threads import AudioThreads
from care_voice.service.job_ledger import JobLedger
from care_voice.service.jobs import wanted
from care_voice.service.option_texts import from_texts
from care_voice.service.served_models import ServedModel
from care_voice.service.transcription import Finished, SegmentReady, Transcriber
from care_voice.store import recordings, transcripts
from care_voice.store.audio import AudioStore
from care_voice.store.database import Connection, Database

_LAST_S = 1.0
"""Followers are not told of the last segments apart: the transcript comes at once."""


class TranscribeJob:
    """The handler of `JobKind.TRANSCRIBE`."""

    def __init__(
        self, database: Database, audio: AudioStore, transcriber: Transcriber, threads: AudioThreads | None = None
    ) -> None:
        """`threads` are those that all work on sound shares."""
        self._database = database
        self._audio = audio
        self._threads = threads or AudioThreads()
        self._transcriber = transcriber

    async def __call__(self, job: Job, ledger: JobLedger) -> None:
        """Transcribe, as far as earlier attempts have not.

        Raises:
            UnknownModel: The model is not served here.
            CareVoiceError: What is wrong with the sound or the service.
        """
        parts = await self._parts(job)
        if not parts:
            raise EmptyFile
        while True:
            try:
                async with self._threads.entered(self._audio.local(parts)) as path:
                    return await self._transcribe(job, ledger, path)
            except (AudioMissing, WorkerFailed):
                # The parts may have been joined into one object, and have been deleted before they were opened.
                moved = await self._parts(job)
                if moved == parts:
                    raise
                parts = moved

    async def _parts(self, job: Job) -> list[Part]:
        return await self._database.aread(lambda c: recordings.parts(c, job.recording_id))

    async def _transcribe(self, job: Job, ledger: JobLedger, path: Path) -> None:
        model, texts = wanted(job.request)
        served, options = self._served(model), from_texts(texts)
        recipe = recipe_of(served.name, options, options.decoding(self._transcriber.settings))
        course = await _Course.begin(ledger, recipe)
        caller = Caller(job.client, bulk=job.priority >= JobPriority.BULK)
        async with self._transcriber.run(path, options, job.id, caller, model=served.name, checkpoint=course) as events:
            async for event in events:
                if isinstance(event, Finished):
                    await self._finish(ledger, event.transcript, served.name)
                elif isinstance(event, SegmentReady):
                    course.take(event.segment)
                else:
                    if served.scheduler.priority_of(caller, event.total_s or event.done_s) is Priority.BULK:
                        await ledger.demote()
                    await course.note(event)

    def _served(self, name: str) -> ServedModel:
        models = self._transcriber.models
        if name and name not in models.names:
            raise UnknownModel(model=name[:80])
        return models[name] if name else models.default

    @staticmethod
    async def _finish(ledger: JobLedger, transcript: Transcript, model: str) -> None:
        job = ledger.job

        def work(connection: Connection) -> Mapping[str, Any]:
            transcript_id = transcripts.write(connection, job.recording_id, job, transcript, model)
            connection.run("set_sound", id=job.recording_id, sha256=None, duration_s=transcript.duration)
            return {"transcript_id": transcript_id}

        await ledger.finish(work)


class _Course:
    """The course of one attempt: what it knows, what it keeps, and what followers are told."""

    def __init__(self, ledger: JobLedger, recipe: str, known: Mapping[int, KnownWindow], told: int) -> None:
        self.known = known
        self._ledger = ledger
        self._recipe = recipe
        self._told = told
        self._ends = {number: window.end_s for number, window in known.items()}
        self._segments: list[Segment] = []
        self._total_s: float | None = None
        self._leading = 0
        self._done_s = self._lead()
        self._began_at, self._began_with_s = time.monotonic(), self._done_s

    @classmethod
    async def begin(cls, ledger: JobLedger, recipe: str) -> _Course:
        """Read what earlier attempts have kept."""
        kept = {each.number: from_json(each.start_s, each.end_s, each.decoded_json, recipe)
                for each in await ledger.windows()}  # fmt: skip
        known = {number: window for number, window in kept.items() if window is not None}
        return cls(ledger, recipe, known, await ledger.last_told())

    async def save(self, number: int, window: KnownWindow) -> None:
        """As `WindowCheckpoint` wants it."""
        self._ends[number] = window.end_s
        self._done_s = max(self._done_s, self._lead())
        checkpoint = Checkpoint(number, window.start_s, window.end_s, to_json(window, self._recipe))
        await self._ledger.save(checkpoint, self._progress())

    def take(self, segment: Segment) -> None:
        """The next segment; those that an earlier attempt has told of are not told again."""
        if segment.id > self._told:
            self._segments.append(segment)

    async def note(self, progress: transcription.Progress) -> None:
        """How far the transcription is, which is told with the windows; here segments are."""
        self._total_s = progress.total_s
        if self._segments and progress.done_s < (progress.total_s or 0.0) - _LAST_S:
            told, self._segments = self._segments, []
            await self._ledger.tell([_shape(segment) for segment in told])
            self._told = told[-1].id

    def _lead(self) -> float:
        """The end of the windows before the first that is missing."""
        while self._leading in self._ends:
            self._leading += 1
        return self._ends[self._leading - 1] if self._leading else 0.0

    def _progress(self) -> Progress:
        gained_s, spent_s = self._done_s - self._began_with_s, time.monotonic() - self._began_at
        eta_s = None
        if self._total_s is not None and gained_s > 0:
            eta_s = round(max(0.0, self._total_s - self._done_s) * spent_s / gained_s, 1)
        return Progress(self._done_s, self._total_s, eta_s)


def _shape(segment: Segment) -> dict[str, Any]:
    return {"id": segment.id, "start": segment.start, "end": segment.end, "text": segment.text.strip()}
