"""Recordings as they come in: one path for uploads, resumed uploads, forms and live microphones.

Bytes are appended by offset and are acknowledged once they are durable and the database says so. Who appends takes the
recording over; whoever did so before is refused from then on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import structlog

from care_voice.domain.checksums import Checksum
from care_voice.domain.errors import CareVoiceError, InvalidParameter
from care_voice.domain.ids import new_id
from care_voice.domain.recordings import Recording, Source, Wish
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import RecordingTooLarge
from care_voice.service.appending import Appending, Room, Storage
from care_voice.service.feed import Pace
from care_voice.store import events, intake, recordings, search
from care_voice.store.audio import AudioStore
from care_voice.store.database import Connection, Database
from care_voice.store.idempotency import once
from care_voice.store.intake import Turn
from care_voice.store.quotas import Quotas
from care_voice.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What is taken in, and how."""

    max_recording_bytes: int = 4 * 1024**3
    """Largest recording; about 12 hours of recorded WAV at 48 kHz mono."""

    max_client_bytes: int = 0
    """What the recordings of one client may hold together; 0 for no limit."""

    max_total_bytes: int = 0
    """What all recordings may hold together; 0 for no limit."""

    keep_free_bytes: int = 256 * 1024**2
    """Bytes that uploads leave free on the disk, for the database and for what is derived from recordings."""

    expire_after_s: float = 7 * 86_400.0
    """An upload that nobody goes on with is given up after this. A live recording is then complete as far as it came;
    any other upload goes to the trash."""

    expire_every_s: float = 60.0
    """How often it is looked for such uploads."""

    sync_bytes: int = 16 * 1024**2
    """What a client sends is made durable after this many bytes, and at the end of its request."""

    sync_s: float = 1.0
    """It is made durable after this long too, where it comes slowly."""

    stall_s: float = 120.0
    """A request that sends no byte for this long is ended; what has come is kept."""

    threads: int = 16
    """Writes to the storage of recordings at a time."""


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What a client says of a recording that it is about to send.

    `length` in bytes is None where it is not known yet. `idempotency_key` makes the same request, sent again, find the
    recording of the first.
    """

    client: str
    source: Source
    filename: str = ""
    media_type: str = ""
    title: str = ""
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    wish: Wish = field(default_factory=Wish)
    length: int | None = None
    idempotency_key: str | None = None

    def request(self) -> dict[str, object]:
        """What makes it the same request as another."""
        return {name: value for name, value in asdict(self).items() if name not in ("client", "idempotency_key")}


class Intake:
    """Takes recordings in."""

    def __init__(self, database: Database, audio: AudioStore, settings: IntakeSettings, metrics: Metrics) -> None:
        self.settings = settings
        self._database = database
        self._audio = audio
        self._metrics = metrics
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="intake")
        self._pace = Pace(settings.sync_bytes, settings.sync_s, settings.stall_s)
        self._quotas = Quotas(settings.max_client_bytes, settings.max_total_bytes)

    async def create(self, new: NewRecording, expected_bytes: int | None = None) -> Recording:
        """A recording of which nothing has been received. `expected_bytes` is about what will come, where no length is
        promised; it only serves to refuse at once what would not fit.

        Raises:
            RecordingTooLarge, QuotaExceeded, StorageFull: There is no room for it.
            IdempotencyMismatch: The key was used for another request.
            StoreUnavailable, StoreBusy: It cannot be written down now.
        """
        size = new.length if new.length is not None else expected_bytes or 0
        self._require_size(size)
        await asyncio.get_running_loop().run_in_executor(self._threads, self._require_free, size)
        recording, made = await self._database.awrite(partial(self._create, new, size))
        if made:
            self._metrics.recordings_received.labels(new.source, "begun").inc()
            log.info("recording_begun", recording=recording.id, source=new.source, length=new.length)
        return recording

    async def status(self, recording_id: str) -> Recording:
        """How far a recording has come.

        Raises:
            UnknownRecording: There is none.
            UploadExpired: Nobody went on with it in time.
        """

        def look(connection: Connection) -> Recording:
            recording = recordings.get(connection, recording_id, trashed=True)
            intake.require_unexpired(connection, recording)
            return recording

        return await self._database.aread(look)

    async def append(
        self,
        recording_id: str,
        offset: int,
        chunks: AsyncIterator[bytes],
        *,
        checksum: Checksum | None = None,
        length: int | None = None,
    ) -> Recording:
        """Append all bytes of `chunks` at `offset`; the recording, as durable as it says. `length` is told once, where
        it was not known at the creation. With a checksum all bytes are kept or none.

        Raises:
            UnknownRecording, RecordingComplete, UploadExpired: Nothing can be appended to it.
            OffsetConflict: It has come to another offset.
            AppendConflict: Somebody else has begun to append meanwhile.
            ChecksumMismatch: The bytes are not those that were announced.
            UploadStalled: Nothing came for too long.
            InvalidParameter: The length contradicts what was said or sent before, or more bytes came.
            RecordingTooLarge, QuotaExceeded, StorageFull: There is no room for it.
            AudioUnavailable, StoreUnavailable, StoreBusy: It cannot be stored now. What was acknowledged is safe.
        """
        turn, room = await self._database.awrite(partial(self._begin, recording_id, offset, length))
        storage = Storage(self._database, self._audio, self._threads, self._require_free)
        recording = await Appending(turn, storage, room, self._pace, checksum).run(self._counted(turn, chunks))
        self._note_complete(recording)
        return recording

    async def complete(self, recording_id: str) -> Recording:
        """End a recording whose length was not known. One that is complete stays as it is.

        Raises:
            UnknownRecording: There is none.
            RecordingIncomplete: A length was announced, and not all of it has come.
        """
        recording = await self._database.awrite(partial(intake.complete, recording_id=recording_id))
        self._note_complete(recording)
        return recording

    async def settle(self, recording_id: str, new: NewRecording, digest: str) -> Recording:
        """End a recording that came as one request, with all that was said of it. `digest` of its bytes tells whether
        it is the same request where a key was used before: then this one is dropped, and that one's recording returned.

        Raises:
            UnknownRecording, RecordingComplete, UploadExpired: It was ended by somebody else.
            IdempotencyMismatch: The key was used for another request.
        """
        recording = await self._database.awrite(partial(_settle, recording_id, new, digest))
        if recording.id == recording_id:
            self._note_complete(recording)
        return recording

    async def terminate(self, recording_id: str) -> None:
        """Delete an upload that is not complete.

        Raises:
            UnknownRecording: There is none.
            RecordingComplete: It is a recording now.
            LegalHold: It is kept.
        """
        await self._database.awrite(partial(intake.terminate, recording_id=recording_id))
        log.info("recording_withdrawn", recording=recording_id)

    async def expire(self) -> int:
        """Settle the uploads that nobody went on with in time; how many there were."""
        count = await self._database.awrite(intake.give_up_expired)
        if count:
            log.info("uploads_expired", count=count)
        return count

    async def run(self) -> None:
        """Look for such uploads until cancelled."""
        while True:
            try:
                await self.expire()
            except CareVoiceError as error:
                log.warning("uploads_not_expired", code=error.code, error=error.message)
            await asyncio.sleep(self.settings.expire_every_s)

    def close(self) -> None:
        """End the threads; nothing may be in progress."""
        self._threads.shutdown()

    def _create(self, new: NewRecording, size: int, connection: Connection) -> tuple[Recording, bool]:
        recording_id, made = once(
            connection, new.client, new.idempotency_key, new.request(), lambda: self._insert(connection, new, size)
        )
        return recordings.get(connection, recording_id, trashed=True), made

    def _insert(self, connection: Connection, new: NewRecording, size: int) -> str:
        self._quotas.require_room(connection, new.client, size)
        recording_id = new_id("rec", connection.now)
        recordings.insert(
            connection, recording_id, client=new.client, source=new.source, wish=new.wish, filename=new.filename,
            media_type=new.media_type, title=new.title, tags=new.tags, metadata=new.metadata, length=new.length,
            expires_at=connection.now + self.settings.expire_after_s,
        )  # fmt: skip
        events.append(connection, recording_id, "recording.created", {"source": new.source})
        search.refresh(connection, recording_id)
        if new.length == 0:
            intake.end(connection, recording_id)
        return recording_id

    def _begin(self, recording_id: str, offset: int, length: int | None, connection: Connection) -> tuple[Turn, Room]:
        before = intake.receiving(connection, recording_id)
        self._check_length(connection, before, length)
        turn = intake.take_over(connection, recording_id, offset, length, self.settings.expire_after_s)
        return replace(turn, quotas=self._quotas), self._room(connection, turn.recording)

    def _check_length(self, connection: Connection, recording: Recording, length: int | None) -> None:
        """The length that is declared now fits what is known."""
        if length is None or length == recording.length:
            return
        if recording.length is not None:
            raise InvalidParameter(param="Upload-Length", why=f"it was given already: {recording.length}")
        if length < recording.received:
            raise InvalidParameter(param="Upload-Length", why=f"{recording.received} bytes have come already")
        self._require_size(length)
        self._quotas.require_room(connection, recording.client, length - recording.received)

    def _room(self, connection: Connection, recording: Recording) -> Room:
        """How far it may grow, as it is now; each commit looks again. What was announced was counted when it was
        announced."""
        if recording.length is not None:
            return Room(recording.length, InvalidParameter(param="Upload-Length", why="more bytes came than that"))
        limit = self.settings.max_recording_bytes
        uses = self._quotas.uses(connection, recording.client)
        rooms = [Room(recording.received + max(0, use.limit - use.used), use.refusal) for use in uses]
        return min([Room(limit, RecordingTooLarge(limit_bytes=limit)), *rooms], key=lambda room: room.end)

    def _require_size(self, size: int) -> None:
        if size > self.settings.max_recording_bytes:
            raise RecordingTooLarge(limit_bytes=self.settings.max_recording_bytes)

    def _require_free(self, size: int) -> None:
        free = self._audio.free_bytes()
        if free is not None and free - size < self.settings.keep_free_bytes:
            raise StorageFull

    async def _counted(self, turn: Turn, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        counter = self._metrics.recording_bytes.labels(turn.recording.source)
        async for chunk in chunks:
            counter.inc(len(chunk))
            yield chunk

    def _note_complete(self, recording: Recording) -> None:
        if recording.complete:
            self._metrics.recordings_received.labels(recording.source, "complete").inc()
            log.info("recording_complete", recording=recording.id, source=recording.source, bytes=recording.received)


def _settle(recording_id: str, new: NewRecording, digest: str, connection: Connection) -> Recording:
    def make() -> str:
        recording = intake.receiving(connection, recording_id)
        said = {name: getattr(new, name) for name in ("filename", "media_type", "title", "metadata", "wish", "tags")}
        intake.amend(connection, replace(recording, **said))
        intake.end(connection, recording_id)
        return recording_id

    request = {**new.request(), "sha256": digest}
    found, made = once(connection, new.client, new.idempotency_key, request, make)
    if not made:
        intake.terminate(connection, recording_id)
    return recordings.get(connection, found, trashed=True)
