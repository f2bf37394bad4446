"""Back recordings up while the service runs: rows as they are at one moment, and all the sound that they name."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

import care_voice
from care_voice.domain.recordings import Part
from care_voice.domain.store_errors import AudioMissing, BackupInvalid, BackupUnavailable
from care_voice.models.sealed import encode_sealed
from care_voice.ops.backup_format import (
    FORMAT,
    AudioObject,
    Manifest,
    ObjectRef,
    RowsFile,
    StoredFile,
    audio_name,
    encode_lines,
    manifest_name,
    new_point,
    objects_name,
    rows_name,
)
from care_voice.ops.backup_rows import Snapshot, take_snapshot
from care_voice.ops.backup_target import BackupTarget
from care_voice.store.audio import AudioStore, Digest
from care_voice.store.audio_directory import private_copy
from care_voice.store.database import Database

log = structlog.get_logger(__name__)

OnObject = Callable[[int, int], None]
"""Told how many objects are done, and how many there are."""

_ROUNDS = 5
_DAY_S = 24 * 3600.0


@dataclass
class BackupReport:
    """What a backup did. Sizes in bytes."""

    point: str = ""
    rows: int = 0
    objects: int = 0
    copied_bytes: int = 0
    kept_bytes: int = 0
    """Sound that was in the backup already."""
    repaired_bytes: int = 0
    """Sound that was damaged in the backup, and copied again."""
    freed_bytes: int = 0
    missing: list[str] = field(default_factory=list)
    """Objects that rows name and the storage does not have: they were lost before."""


def back_up(
    database: Database,
    audio: AudioStore,
    target: BackupTarget,
    *,
    keep: int,
    verify: bool = False,
    on_object: OnObject = lambda _done, _all: None,
    spare: Callable[[int], None] = lambda _bytes: None,
) -> BackupReport:
    """Add a point to a backup, and drop all but the last `keep`. `spare` is asked before so many bytes are copied.

    Sound that the backup has is not copied again; with `verify` it is read back, and what is damaged copied again.
    Everything new is read back then too. Until its manifest is written, which is last, the backup is what it was.

    Raises:
        StoreUnavailable, StoreBusy: The database cannot be read.
        AudioUnavailable: The storage of recordings cannot be read.
        BackupUnavailable: The target cannot be read or written.
        BackupInvalid: The target does not give back what was written to it.
        CareVoiceError: What `spare` raises.
    """
    spare(0)
    target.prepare_scratch()
    with TemporaryDirectory(dir=target.scratch, prefix="backup-") as scratch:
        run = _Run(database, audio, target, Path(scratch), on_object)
        run.verify, run.spare = verify, spare
        return run.go(keep)


class _Run:
    """One backup."""

    verify = False
    spare: Callable[[int], None]

    def __init__(
        self, database: Database, audio: AudioStore, target: BackupTarget, scratch: Path, on_object: OnObject
    ) -> None:
        self._database = database
        self._audio = audio
        self._target = target
        self._scratch = scratch
        self._on_object = on_object
        self._report = BackupReport()
        self._sizes = target.sizes()
        self._known = _known_objects(target)
        self._brought: dict[str, AudioObject] = {}

    def go(self, keep: int) -> BackupReport:
        snapshot = self._complete_snapshot()
        manifest = self._write(snapshot)
        self._drop(keep)
        log.info("backed_up", target=self._target.name, point=manifest.point, objects=manifest.objects)
        return self._report

    def _complete_snapshot(self) -> Snapshot:
        """Rows, with all the sound that they name brought into the backup.

        Sound that goes while it is being copied was joined into another object, or deleted with its recording: rows
        that are read later do not name it any more. What they still name then is lost.
        """
        lost: set[str] = set()
        for number in count():
            folder = self._scratch / str(number)
            folder.mkdir()
            snapshot = take_snapshot(self._database, folder)
            missing = set(self._bring_all(snapshot.objects))
            if missing <= lost or number == _ROUNDS:
                break
            lost = missing
        self._report.missing = sorted(missing)
        return snapshot

    def _bring_all(self, refs: Iterable[ObjectRef]) -> list[str]:
        """Have objects in the backup; the keys of those that the storage does not have."""
        missing, refs = [], tuple(refs)
        for done, ref in enumerate(refs, 1):
            try:
                self._bring(ref)
            except AudioMissing:
                missing.append(ref.key)
            self._on_object(done, len(refs))
        return missing

    def _bring(self, ref: ObjectRef) -> None:
        brought = self._brought.get(ref.key)
        if brought is not None and brought.size == ref.size:
            return
        known = self._known.get((ref.key, ref.size)) or self._left_behind(ref)
        if known is not None and self._sizes.get(ref.key, -1) >= ref.size and self._is_whole(known):
            self._report.kept_bytes += ref.size
            self._brought[ref.key] = known
            return
        self._brought[ref.key] = self._copy(ref)
        if known is None:
            self._report.copied_bytes += ref.size
        else:
            self._report.repaired_bytes += ref.size

    def _left_behind(self, ref: ObjectRef) -> AudioObject | None:
        """What a run that was broken off has copied already: no point knows its digest. Raises AudioMissing."""
        if self._sizes.get(ref.key) != ref.size:
            return None
        digest = Digest()
        for _ in digest.over(self._audio.read([Part(0, ref.size, ref.key)])):
            pass
        found = AudioObject(ref.key, digest.size, digest.sha256)
        return found if self._same(found) else None

    def _is_whole(self, known: AudioObject) -> bool:
        """Whether an object that is there may be kept: it is read only where that was asked for."""
        return not self.verify or self._same(known)

    def _same(self, known: AudioObject) -> bool:
        try:
            self._target.check(audio_name(known.key), StoredFile(known.size, known.sha256))
        except BackupInvalid as error:
            log.warning("backup_damaged", why=error.message)
            return False
        return True

    def _copy(self, ref: ObjectRef) -> AudioObject:
        """Raises AudioMissing."""
        self.spare(ref.size)
        parts, name = [Part(0, ref.size, ref.key)], audio_name(ref.key)
        with self._audio.local(parts) as path:
            try:
                stored = self._target.put(name, path)
            except BackupUnavailable as error:
                if path.exists():
                    raise
                # It was deleted between its being found and its being read; the target is not to blame.
                raise AudioMissing(key=ref.key) from error
        if stored.size != ref.size:
            # Somebody appended meanwhile; a copy of our own does not grow.
            with private_copy(self._audio.read(parts), self._scratch) as path:
                stored = self._target.put(name, path)
        self._sizes[ref.key] = stored.size
        if self.verify:
            self._target.check(name, stored)
        return AudioObject(ref.key, stored.size, stored.sha256)

    def _write(self, snapshot: Snapshot) -> Manifest:
        point = new_point(snapshot.at)
        found = {
            table: RowsFile(self._put(rows_name(point, table), snapshot.path_of(table)), columns, rows)
            for table, (columns, rows) in snapshot.tables.items()
        }
        objects = [self._brought[ref.key] for ref in snapshot.objects if ref.key not in self._report.missing]
        manifest = Manifest(
            format=FORMAT,
            tool=f"care-voice {care_voice.__version__}",
            point=point,
            at=datetime.fromtimestamp(snapshot.at, UTC).isoformat(timespec="milliseconds"),
            database=self._database.dialect,
            migrations=snapshot.migrations,
            tables=found,
            audio=self._put_content(objects_name(point), gzip.compress(encode_lines(objects))),
            objects=len(objects),
            object_bytes=sum(each.size for each in objects),
            missing=tuple(self._report.missing),
        )
        self._put_content(manifest_name(point), encode_sealed(manifest))
        self._report.point, self._report.objects = point, len(objects)
        self._report.rows = sum(each.rows for each in found.values())
        return manifest

    def _put_content(self, name: str, content: bytes) -> StoredFile:
        path = self._scratch / "content"
        path.write_bytes(content)
        return self._put(name, path)

    def _put(self, name: str, path: Path) -> StoredFile:
        """Store a small file, which is always read back."""
        stored = self._target.put(name, path)
        self._target.check(name, stored)
        return stored

    def _drop(self, keep: int) -> None:
        """Drop old points, and the sound that none of the others needs."""
        points = self._target.points()
        try:
            needed = {each.key for point in points[-keep:] for each in self._target.objects_of(point)}
        except BackupInvalid as error:
            # Nobody knows what a damaged point needs, and it may be mended.
            log.warning("backup_damaged", why=error.message)
            return
        before = self._database.read(lambda connection: connection.now) - _DAY_S
        self._report.freed_bytes = self._target.drop(points[:-keep], needed, before)


def _known_objects(target: BackupTarget) -> dict[tuple[str, int], AudioObject]:
    """What earlier points say of their sound, by key and size; one that is damaged says nothing."""
    found: dict[tuple[str, int], AudioObject] = {}
    for point in target.points():
        try:
            found.update({(each.key, each.size): each for each in target.objects_of(point)})
        except BackupInvalid as error:
            log.warning("backup_damaged", why=error.message)
    return found
