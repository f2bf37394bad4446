"""The sound of recordings in a directory: a writer has one file that grows.

A part is acknowledged when its bytes, the file's name and the names of all directories above it have been synced. A
kill or a power cut can leave bytes behind that no part names: at the end of a file, where they are never read, or as a
file of their own, which is swept (`service.audio_upkeep`).
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from care_voice.domain.errors import CareVoiceError
from care_voice.domain.recordings import Part
from care_voice.domain.service_errors import StorageFull
from care_voice.domain.store_errors import AudioMissing, AudioUnavailable
from care_voice.store.audio import (
    BLOCK_BYTES,
    Digest,
    Joined,
    PartWriter,
    Put,
    StoredObject,
    checked_key,
    is_key,
    joined_key,
    part_key,
    spans,
)
from care_voice.store.disk import Disk

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_TRIES = 10


@contextmanager
def _mapped_errors(key: str = "") -> Iterator[None]:
    """What the operating system refuses, in our words; a file that must be there is named by its `key`."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull from error
        if isinstance(error, FileNotFoundError) and key:
            raise AudioMissing(key=key) from error
        raise AudioUnavailable(why=error.strerror or str(error)) from error


class DirectoryAudio:
    """An `AudioStore` below `root`, which is made when it is needed. `scratch` is where private copies are made for a
    while (None: where the system has its temporary files)."""

    def __init__(self, root: Path, scratch: Path | None = None, disk: Disk | None = None) -> None:
        """`disk` takes the place of the real one, in tests."""
        self._root = root.absolute()
        self._scratch = scratch
        self._disk = disk or Disk()
        self._root_is_safe = False

    def writer(self, recording_id: str, start: int, appender: int) -> PartWriter:
        return _FileWriter(self, part_key(recording_id, start, appender), start)

    def read(self, parts: Sequence[Part], start: int = 0, end: int | None = None) -> Iterator[bytes]:
        for key, first, last in spans(parts, start, end):
            yield from self._read_object(key, first, last)

    def _read_object(self, key: str, first: int, last: int) -> Iterator[bytes]:
        with _mapped_errors(key):
            descriptor = os.open(self._path(key), os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            while first < last:
                with _mapped_errors(key):
                    block = os.pread(descriptor, min(BLOCK_BYTES, last - first), first)
                if not block:
                    raise AudioMissing(key=key)
                first += len(block)
                yield block
        finally:
            os.close(descriptor)

    def join(self, recording_id: str, parts: Sequence[Part]) -> Joined:
        key, digest = joined_key(recording_id), Digest()
        if len(parts) == 1 and self._is_whole(parts[0]):
            for _ in digest.over(self.read(parts)):
                pass
            if self._linked(parts[0].key, key):
                return Joined(Part(0, digest.size, key), digest.sha256, digest.size)
        put = self._filled(key, self.read(parts))
        return Joined(Part(0, put.size, key), put.sha256, put.size)

    def _is_whole(self, part: Part) -> bool:
        """Whether a file holds the part and nothing else."""
        with _mapped_errors(part.key):
            return self._path(part.key).stat().st_size == part.length and part.start == 0

    def _linked(self, existing: str, new: str) -> bool:
        """Give a file a second name, durably; False where the file system cannot."""
        try:
            self._disk.link(self._path(existing), self._path(new))
        except OSError:
            return False
        with _mapped_errors():
            self.settle(new)
        return True

    def put_file(self, key: str, path: Path) -> Put:
        temporary = f"{checked_key(key)}.{token_hex(4)}"
        put = self._filled(temporary, blocks_of(path))
        with _mapped_errors():
            self._disk.replace(self._path(temporary), self._path(key))
            self.settle(key)
        return put

    def _filled(self, key: str, chunks: Iterable[bytes]) -> Put:
        """A new, durable object with these bytes."""
        digest = Digest()
        with _FileWriter(self, key, 0) as writer:
            writer.open()
            for chunk in digest.over(chunks):
                writer.write(chunk)
            writer.sync()
        return digest.put()

    def delete(self, keys: Iterable[str]) -> None:
        by_directory: dict[Path, list[Path]] = defaultdict(list)
        for key in keys:
            path = self._path(key)
            by_directory[path.parent].append(path)
        for directory, paths in by_directory.items():
            with _mapped_errors():
                self._delete_in(directory, paths)

    def _delete_in(self, directory: Path, paths: Iterable[Path]) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                self._disk.unlink(path)
        with suppress(FileNotFoundError):
            self._disk.sync_directory(directory)
        # Another one's files may lie in it, or it may be gone already.
        with suppress(OSError):
            self._disk.remove_directory(directory)
            self._disk.sync_directory(directory.parent)

    @contextmanager
    def local(self, parts: Sequence[Part]) -> Iterator[Path]:
        if len(parts) == 1 and self._is_whole(parts[0]):
            yield self._path(parts[0].key)
            return
        with private_copy(self.read(parts), self._scratch) as path:
            yield path

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        return (each for each in self._below(self._root, "", prefix) if is_key(each.key))

    def _below(self, directory: Path, above: str, prefix: str) -> Iterator[StoredObject]:
        for entry in self._sorted_entries(directory):
            is_directory = entry.is_dir(follow_symlinks=False)
            key = f"{above}{entry.name}" + ("/" if is_directory else "")
            if not (key.startswith(prefix) or (is_directory and prefix.startswith(key))):
                continue
            if is_directory:
                yield from self._below(directory / entry.name, key, prefix)
                continue
            with _mapped_errors(), suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                # A link or a rename makes an object new, and changes this time alone.
                yield StoredObject(key, found.st_size, found.st_ctime)

    def _sorted_entries(self, directory: Path) -> list[os.DirEntry[str]]:
        """In the order of keys, in which a directory's name ends with a slash."""
        with _mapped_errors(), suppress(FileNotFoundError), os.scandir(directory) as entries:
            return sorted(entries, key=lambda each: each.name + "/" * each.is_dir(follow_symlinks=False))
        return []

    def free_bytes(self) -> int | None:
        place = self._root
        while not place.exists():
            place = place.parent
        with _mapped_errors():
            return shutil.disk_usage(place).free

    def create(self, key: str) -> int:
        """A new file, and the directories above it; its descriptor. Raises OSError."""
        path = self._path(key)
        for _ in range(_TRIES):
            # Whoever deletes the last file of a recording takes its directory away.
            with suppress(FileNotFoundError):
                self._make_directories(path.parent)
                return self._disk.create(path)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    def _make_directories(self, directory: Path) -> None:
        if not directory.is_dir():
            self._make_directories(directory.parent)
            with suppress(FileExistsError):
                self._disk.make_directory(directory)

    def settle(self, key: str) -> None:
        """Make an object's name, and all above it, survive a power cut. Raises OSError.

        Also what another writer has made: it may not have come to this yet.
        """
        directory = self._path(key).parent
        while directory != self._root.parent:
            self._disk.sync_directory(directory)
            directory = directory.parent
        if not self._root_is_safe:
            for above in self._root.parents:
                # What this user may not read was not made by this program.
                with suppress(PermissionError):
                    self._disk.sync_directory(above)
            self._root_is_safe = True

    def discard(self, key: str) -> None:
        """Remove a file that nobody needs, if that can be done; what stays is swept."""
        with suppress(OSError):
            self._disk.unlink(self._path(key))

    @property
    def disk(self) -> Disk:
        return self._disk

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)


class _FileWriter:
    """A `PartWriter` with one file. `store` makes it and settles its name."""

    def __init__(self, store: DirectoryAudio, key: str, start: int) -> None:
        self._store = store
        self._disk = store.disk
        self._key = key
        self._start = start
        self._descriptor: int | None = None
        self._length = 0
        self._begun = 0
        """So many bytes the disk was asked to begin with."""
        self._synced: int | None = None
        self._broken = ""

    def __enter__(self) -> _FileWriter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is None:
            return
        with suppress(OSError):
            if self._synced is not None:
                self._disk.truncate(self._descriptor, self._synced)
        with suppress(OSError):
            self._disk.close(self._descriptor)
        self._descriptor = None
        if self._synced is None:
            self._store.discard(self._key)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._require_sound()
        view = memoryview(data).cast("B")
        if not view:
            return
        descriptor, end = self.open(), self._length
        with _mapped_errors():
            while view:
                written = self._disk.write(descriptor, view, end)
                view, end = view[written:], end + written
        # Only now: what was written of bytes that do not fit is written over, or cut off at the end.
        self._length = end
        if end - self._begun >= BLOCK_BYTES:
            with suppress(OSError):
                self._disk.begin_to_sync(descriptor, self._begun, end - self._begun)
            self._begun = end

    def open(self) -> int:
        """Make the file, unless it is there; its descriptor. Raises StorageFull, AudioUnavailable."""
        if self._descriptor is None:
            with _mapped_errors():
                self._descriptor = self._store.create(self._key)
        return self._descriptor

    def sync(self) -> list[Part]:
        self._require_sound()
        if self._descriptor is not None and self._synced != self._length:
            self._make_durable(self._descriptor)
        return [Part(self._start, self._synced, self._key)] if self._synced else []

    def _make_durable(self, descriptor: int) -> None:
        try:
            with _mapped_errors():
                self._disk.sync(descriptor)
                if self._synced is None:
                    self._store.settle(self._key)
        except CareVoiceError as error:
            # The kernel tells of a failed write once, and then calls the pages clean: to try again would prove nothing.
            self._broken = error.message
            raise
        self._synced = self._length

    def _require_sound(self) -> None:
        if self._broken:
            raise AudioUnavailable(why=f"it failed before, and a new writer must go on: {self._broken}")


@contextmanager
def private_copy(chunks: Iterable[bytes], scratch: Path | None) -> Iterator[Path]:
    """A file that this user alone can read, and that is gone after the block. Raises StorageFull, AudioUnavailable."""
    with _mapped_errors():
        if scratch is not None:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory = tempfile.TemporaryDirectory(dir=scratch, prefix="audio-")
    with directory as name:
        path = Path(name) / "audio"
        with _mapped_errors(), os.fdopen(Disk().create(path), "wb") as file:
            for chunk in chunks:
                file.write(chunk)
        yield path


def blocks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a local file. Raises AudioUnavailable."""
    with _mapped_errors(), path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            yield block
