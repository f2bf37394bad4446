"""Where a backup lies: a directory or S3, through the storage that recordings have too."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from care_voice.domain.recordings import Part
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import AudioMissing, AudioUnavailable, BackupInvalid, BackupUnavailable
from care_voice.models.bundle import decode_stranger
from care_voice.ops.backup_format import (
    FORMAT,
    MANIFEST,
    MANIFEST_LIMIT_BYTES,
    AudioObject,
    Manifest,
    StoredFile,
    audio_name,
    decode_objects,
    is_point,
    manifest_name,
    objects_name,
)
from care_voice.ops.backup_settings import BackupSettings
from care_voice.store.audio import AudioStore, Put, StoredObject
from care_voice.store.audio_directory import DirectoryAudio, private_copy

_STALE_S = 7 * 24 * 3600.0
_MOST_LISTED = 20
_S3 = re.compile(r"s3://(?P<bucket>[^/]+)(?:/(?P<prefix>.*))?\Z")


def open_target(text: str, settings: BackupSettings, scratch: Path) -> BackupTarget:
    """The target `text`: a directory, or s3://bucket/prefix. `scratch` takes files on their way.

    Raises:
        BackupInvalid: The address means nothing.
    """
    if not text.startswith("s3:"):
        return BackupTarget(text, DirectoryAudio(Path(text).absolute(), scratch), scratch)
    match = _S3.match(text)
    if match is None:
        raise BackupInvalid(why=f"{text} is not like s3://bucket/prefix")
    from care_voice.store.audio_s3 import S3Audio  # noqa: PLC0415 - it imports boto3, which takes a while

    prefix = (match["prefix"] or "").strip("/")
    s3 = replace(settings.s3, bucket=match["bucket"], prefix=f"{prefix}/" if prefix else "")
    return BackupTarget(text, S3Audio(s3, scratch), scratch)


class _Objects:
    """The storage of a backup, whose troubles are told as those of the backup: the recordings' own may be fine."""

    def __init__(self, name: str, store: AudioStore) -> None:
        self._name = name
        self._store = store

    def keys(self, prefix: str) -> Iterator[StoredObject]:
        with self._named():
            yield from self._store.keys(prefix)

    def read(self, parts: Sequence[Part]) -> Iterator[bytes]:
        with self._named():
            yield from self._store.read(parts)

    def put_file(self, key: str, path: Path) -> Put:
        with self._named():
            return self._store.put_file(key, path)

    def delete(self, keys: Iterable[str]) -> None:
        with self._named():
            self._store.delete(keys)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except AudioUnavailable as error:
            raise BackupUnavailable(target=self._name, why=error.fields["why"]) from error
        except StorageFull as error:
            raise BackupUnavailable(target=self._name, why="there is no room left") from error


class BackupTarget:
    """A backup's files by name. Every method may raise BackupUnavailable."""

    def __init__(self, name: str, objects: AudioStore, scratch: Path) -> None:
        self.name = name
        self.scratch = scratch
        self._objects = _Objects(name, objects)

    def prepare_scratch(self) -> None:
        """Make it, without what runs that were killed have left in it."""
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in self.scratch.iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _STALE_S:
                    shutil.rmtree(path)

    def points(self) -> list[str]:
        """Points that are whole as far as their manifest says, the oldest first."""
        names = (each.key.split("/") for each in self._objects.keys("points/"))
        return sorted(parts[1] for parts in names if len(parts) == 3 and parts[2] == MANIFEST and is_point(parts[1]))

    def newest(self) -> str:
        """Raises BackupInvalid where there is none."""
        points = self.points()
        if not points:
            raise BackupInvalid(why=f"there is no backup in {self.name}")
        return points[-1]

    def manifest(self, point: str) -> Manifest:
        """Raises BackupInvalid where it is missing or damaged."""
        name = manifest_name(point)
        size = next((each.size for each in self._objects.keys(name) if each.key == name), None)
        if size is None:
            raise BackupInvalid(why=f"there is no point '{point[:80]}' in {self.name}{self._there_are()}")
        if size > MANIFEST_LIMIT_BYTES:
            raise BackupInvalid(why=f"{name} is too large")
        try:
            manifest = decode_stranger(b"".join(self._objects.read([Part(0, size, name)])), Manifest, FORMAT)
        except (ValueError, AudioMissing) as error:
            raise BackupInvalid(why=f"{name}: {error}") from error
        if manifest.point != point:
            raise BackupInvalid(why=f"{name} is that of another point, {manifest.point}")
        return manifest

    def _there_are(self) -> str:
        points = self.points()
        more = f", and {len(points) - _MOST_LISTED} earlier ones" if len(points) > _MOST_LISTED else ""
        return f"; there are {', '.join(points[: -_MOST_LISTED - 1 : -1])}{more}" if points else ", nor any other"

    def objects(self, manifest: Manifest) -> Iterator[AudioObject]:
        """What a point holds of sound. Raises BackupInvalid."""
        name = objects_name(manifest.point)
        with self.fetched(name, manifest.audio) as path, gzip.open(path) as lines:
            yield from decode_objects(lines)

    def objects_of(self, point: str) -> Iterator[AudioObject]:
        """The same by the name of the point."""
        return self.objects(self.manifest(point))

    def fetched(self, name: str, file: StoredFile) -> AbstractContextManager[Path]:
        """A local copy for a while, whose bytes are the right ones. Raises BackupInvalid."""
        return private_copy(self.read(name, file), self.scratch)

    def read(self, name: str, file: StoredFile) -> Iterator[bytes]:
        """The bytes of a file; what has been given is right only if the end comes. Raises BackupInvalid."""
        digest = hashlib.sha256()
        try:
            for chunk in self._objects.read([Part(0, file.size, name)]):
                digest.update(chunk)
                yield chunk
        except AudioMissing as error:
            raise BackupInvalid(why=f"{name} is missing or cut short") from error
        if digest.hexdigest() != file.sha256:
            raise BackupInvalid(why=f"{name} is damaged")

    def check(self, name: str, file: StoredFile) -> None:
        """Read a file back. Raises BackupInvalid."""
        for _ in self.read(name, file):
            pass

    def put(self, name: str, path: Path) -> StoredFile:
        """Store a local file."""
        put = self._objects.put_file(name, path)
        return StoredFile(put.size, put.sha256)

    def sizes(self) -> dict[str, int]:
        """The size of each object with sound, by key."""
        start = audio_name("")
        return {each.key.removeprefix(start): each.size for each in self._objects.keys(start)}

    def drop(self, points: Collection[str], needed: Collection[str], older_than: float) -> int:
        """Delete points, and sound that no key in `needed` names and that was written before `older_than` (Unix
        seconds): a backup that is being made by somebody else has no manifest yet. Returns the bytes that were freed.
        """
        # The manifest goes first: a point without one is none.
        self._objects.delete([manifest_name(point) for point in points])
        unneeded = [each for each in self._objects.keys("points/") if each.key.split("/")[1] in points]
        start = audio_name("")
        unneeded += [
            each
            for each in self._objects.keys(start)
            if each.key.removeprefix(start) not in needed and each.modified < older_than
        ]
        self._objects.delete([each.key for each in unneeded])
        return sum(each.size for each in unneeded)
