"""What is made of a recording once it is complete: one object of its parts, a copy for playback and a waveform."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory

from care_voice.domain.errors import EmptyFile
from care_voice.domain.jobs import Job, Lease, Progress
from care_voice.domain.recordings import AssetKind, Part, Recording
from care_voice.domain.store_errors import LeaseLost
from care_voice.engine.protocol import DeriveMedia, MediaDerived, MediaOpened, PlaybackFormat
from care_voice.service.in_threads import AudioThreads
from care_voice.service.job_ledger import JobLedger
from care_voice.store import doomed, events, jobs, recordings
from care_voice.store.audio import AudioStore, Joined, Put
from care_voice.store.database import Connection, Database
from care_voice.supervisor.media_pool import MediaPool

_MEDIA_TYPES: dict[PlaybackFormat, str] = {"flac": "audio/flac", "opus": "audio/webm; codecs=opus"}
_WAVEFORM_TYPE = "application/octet-stream"
_TELL_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """What is made of recordings."""

    playback_format: PlaybackFormat = "flac"
    """The copy for listening. flac loses nothing and plays in every browser in use, at about 40 MB an hour; opus takes
    15 MB an hour and as much as three times the work, and Safari plays it since 17.4 only."""


@dataclass(frozen=True, slots=True)
class _Made:
    """A file that was stored as an asset."""

    kind: AssetKind
    key: str
    media_type: str
    put: Put


class DeriveHandler:
    """Works on jobs of the kind `derive`."""

    def __init__(
        self,
        database: Database,
        audio: AudioStore,
        media: MediaPool,
        settings: RecordingSettings,
        *,
        max_duration_s: float,
        scratch: Path,
        threads: AudioThreads | None = None,
    ) -> None:
        """Files are made below `scratch` before they are stored; recordings over `max_duration_s` are refused.
        `threads` are those that all work on sound shares."""
        self._threads = threads or AudioThreads()
        self._database = database
        self._audio = audio
        self._media = media
        self._settings = settings
        self._max_duration_s = max_duration_s
        self._scratch = scratch

    async def __call__(self, job: Job, ledger: JobLedger) -> None:
        """Make all of it, whatever was made before.

        Raises:
            MediaError: The recording is no sound; that it is one object now stays.
            LeaseLost: Another attempt has begun.
            UnknownRecording: It was deleted.
            StorageFull, AudioMissing, StoreError, ServiceError: Why it cannot be done now.
        """
        whole = await self._joined(job.recording_id, ledger)
        entered = self._threads.entered
        async with entered(self._audio.local([whole])) as path, entered(self._folder()) as folder:
            duration_s = await self._derived(ledger, path, Path(folder))
            made = [await self._stored(job.recording_id, kind, Path(folder)) for kind in _KINDS]
        await ledger.finish(partial(_write_assets, job.recording_id, made, duration_s))

    async def _joined(self, recording_id: str, ledger: JobLedger) -> Part:
        """The recording as one object with a known digest."""
        recording, parts = await self._database.aread(partial(_look, recording_id))
        if not parts:
            raise EmptyFile
        if len(parts) == 1 and recording.sha256 is not None:
            return parts[0]
        joined = await self._threads.run(self._audio.join, recording_id, parts)
        await ledger.write(partial(_swap, ledger.lease, recording_id, parts, joined))
        return joined.part

    def _folder(self) -> AbstractContextManager[str]:
        self._scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        return TemporaryDirectory(prefix="derive-", dir=self._scratch)

    async def _derived(self, ledger: JobLedger, source: Path, folder: Path) -> float:
        """The length in seconds of what was made in `folder`."""
        request = DeriveMedia(
            id=0,
            request_id=ledger.job.id,
            path=str(source),
            max_duration_s=self._max_duration_s,
            playback_format=self._settings.playback_format,
            playback_path=str(folder / "playback"),
            waveform_path=str(folder / "waveform"),
        )
        told = _Teller(ledger)
        async with self._media.derive(request) as made:
            async for event in made:
                if isinstance(event, MediaDerived):
                    return event.duration_s
                if isinstance(event, MediaOpened):
                    told.total_s = event.duration_s
                else:
                    await told.tell(event.scanned_s)
        raise AssertionError("the events of a file end with MediaDerived or an error")

    async def _stored(self, recording_id: str, kind: AssetKind, folder: Path) -> _Made:
        key = f"recordings/{recording_id}/{kind}-{token_hex(4)}"
        put = await self._threads.run(self._audio.put_file, key, folder / kind)
        media_type = _MEDIA_TYPES[self._settings.playback_format] if kind == "playback" else _WAVEFORM_TYPE
        return _Made(kind, key, media_type, put)


_KINDS: tuple[AssetKind, ...] = ("playback", "waveform")


class _Teller:
    """Writes down how far a job is, but not with each step."""

    def __init__(self, ledger: JobLedger) -> None:
        self._ledger = ledger
        self._told_at = time.monotonic()
        self.total_s: float | None = None

    async def tell(self, done_s: float) -> None:
        """Raises LeaseLost."""
        if time.monotonic() - self._told_at >= _TELL_EVERY_S:
            self._told_at = time.monotonic()
            await self._ledger.note(Progress(done_s, self.total_s))


def _look(recording_id: str, connection: Connection) -> tuple[Recording, list[Part]]:
    return recordings.get(connection, recording_id, trashed=True), recordings.parts(connection, recording_id)


def _swap(lease: Lease, recording_id: str, parts: Sequence[Part], joined: Joined, connection: Connection) -> None:
    """Let the rows name the one object, as long as they name what it was made of.

    Raises:
        LeaseLost: Another attempt has done this. The object that nobody names is swept in time; to delete it here could
            delete the sound, where a commit is thought to have failed and did not.
    """
    jobs.hold(connection, lease)
    recordings.lock(connection, recording_id, trashed=True)
    if recordings.parts(connection, recording_id) != list(parts):
        raise LeaseLost
    connection.run("delete_parts", id=recording_id)
    recordings.put_parts(connection, recording_id, [joined.part])
    connection.run("set_sound", id=recording_id, sha256=joined.sha256, duration_s=None)
    doomed.doom(connection, [part.key for part in parts if part.key != joined.part.key])


def _write_assets(recording_id: str, made: Sequence[_Made], duration_s: float, connection: Connection) -> None:
    recordings.lock(connection, recording_id, trashed=True)
    before = recordings.assets(connection, recording_id)
    connection.run("set_sound", id=recording_id, sha256=None, duration_s=duration_s)
    for each in made:
        connection.run(
            "upsert_asset", recording_id=recording_id, kind=each.kind, key=each.key, media_type=each.media_type,
            size=each.put.size, sha256=each.put.sha256, now=connection.now,
        )  # fmt: skip
        events.append(connection, recording_id, "asset.created", {"kind": each.kind})
    doomed.doom(connection, [asset.key for asset in before.values()])
