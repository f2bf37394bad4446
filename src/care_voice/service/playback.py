"""The sound of recordings for those who listen: the original, the copy that browsers play, the waveform."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

from care_voice.domain.jobs import JobKind, JobState
from care_voice.domain.recordings import AssetKind, Part, Recording
from care_voice.domain.store_errors import AssetFailed, RecordingIncomplete, UnknownAsset
from care_voice.store import jobs, recordings
from care_voice.store.audio import AudioStore
from care_voice.store.database import Connection, Database

_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Sound:
    """Bytes that can be asked for. `tag` changes when they do; `name` is what to save them as."""

    parts: tuple[Part, ...]
    size: int
    media_type: str
    tag: str
    name: str


class Playback:
    """Finds sound in the database and reads it from the storage."""

    def __init__(self, database: Database, audio: AudioStore) -> None:
        self._database = database
        self._audio = audio

    async def original(self, recording_id: str) -> Sound:
        """What was received, byte for byte.

        Raises:
            UnknownRecording: There is none, or it is in the trash.
            RecordingIncomplete: More of it is to come.
            StoreUnavailable, StoreBusy: The database cannot be asked now.
        """
        return await self._database.aread(partial(_original, recording_id))

    async def asset(self, recording_id: str, kind: AssetKind) -> Sound:
        """What was made of the sound. Raises as `original`, UnknownAsset where it has not been made yet,
        and AssetFailed where it cannot be."""
        return await self._database.aread(partial(_asset, recording_id, kind))

    def read(self, sound: Sound, start: int, end: int) -> Iterator[bytes]:
        """The bytes [start, end); each step blocks.

        Raises:
            AudioMissing: They are not where they were.
            AudioUnavailable: The storage cannot be reached.
        """
        return self._audio.read(sound.parts, start, end)


def _original(recording_id: str, connection: Connection) -> Sound:
    recording = recordings.get(connection, recording_id)
    if not recording.complete:
        raise RecordingIncomplete
    # Before the digest is known the id serves as well: the bytes of a complete recording never change.
    tag = recording.sha256 or recording.id
    parts = tuple(recordings.parts(connection, recording_id))
    return Sound(
        parts, recording.received, _media_type(recording), tag, PurePath(recording.filename).name or recording.id
    )


def _asset(recording_id: str, kind: AssetKind, connection: Connection) -> Sound:
    recording = recordings.get(connection, recording_id)
    asset = recordings.assets(connection, recording_id).get(kind)
    if asset is None:
        _require_no_failure(connection, recording_id, kind)
        raise UnknownAsset(kind=kind)
    stem = PurePath(recording.filename).stem or recording.id
    suffix = {"audio/flac": "flac", "audio/webm": "webm"}.get(asset.media_type.split(";")[0], "dat")
    name = f"{stem}.{suffix}"
    return Sound((Part(0, asset.size, asset.key),), asset.size, asset.media_type, asset.sha256, name)


def _require_no_failure(connection: Connection, recording_id: str, kind: AssetKind) -> None:
    """Raises AssetFailed where there is nothing to wait for."""
    job = jobs.latest(connection, [recording_id], JobKind.DERIVE).get(recording_id)
    if job is not None and job.state is JobState.FAILED:
        raise AssetFailed(kind=kind, **job.failure)


def _media_type(recording: Recording) -> str:
    """What the client said that it is, or what the name says, as long as it is sound: a page that somebody has uploaded
    must never be shown as one of this service's own."""
    guessed, _ = mimetypes.guess_type(recording.filename)
    for media_type in (recording.media_type, guessed or ""):
        if media_type.startswith(("audio/", "video/")) and media_type.isascii() and media_type.isprintable():
            return media_type
    return _UNKNOWN_TYPE
