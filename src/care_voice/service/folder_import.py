"""Take a folder of recordings into the store. Files are only read; what is there already is not taken in again.

A file is hashed first. Its digest is written down with the new recording before the first byte, so that an import that
was killed goes on with the same recording, at the byte to which it was durable.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from io import FileIO
from pathlib import Path, PurePath
from typing import Literal

from care_voice.domain.errors import CareVoiceError, RequestError
from care_voice.domain.media_files import folder_tags, is_media_name
from care_voice.domain.recordings import Wish
from care_voice.service.intake import Intake, NewRecording
from care_voice.store import imports
from care_voice.store.database import Database

CLIENT = "command line"
_BLOCK_BYTES = 1024 * 1024

Outcome = Literal["imported", "resumed", "skipped", "failed"]
Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ImportWish:
    """What is to be said of every file, and done with it."""

    wish: Wish = field(default_factory=Wish)
    tags: tuple[str, ...] = ()
    tag_folders: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of the folder. `why` says why it is not imported; empty where it may be."""

    path: Path
    relative: Path
    size: int = 0
    why: str = ""

    @property
    def shown(self) -> PurePath:
        """`relative` as text that can be kept and printed: names of files need not be UTF-8."""
        return PurePath(os.fsencode(self.relative).decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file, and why it was skipped or failed."""

    path: str
    outcome: Outcome
    recording_id: str | None = None
    why: str = ""


class FileChanged(CareVoiceError):
    """The file was changed while it was read."""

    code = "file_changed"
    hint = "Import it again when nobody writes to it any more."


class FileUnreadable(CareVoiceError):
    """The file cannot be read: {why}."""

    code = "file_unreadable"


def candidates(root: Path) -> Iterator[Candidate]:
    """Every file below `root`, by name. Links to folders are not followed, and hidden files and folders are passed by.

    Raises:
        FileUnreadable: The folder itself cannot be listed.
    """
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as error:
        raise FileUnreadable(why=error.strerror or str(error)) from error
    yield from _below(entries, root)


def _below(entries: list[os.DirEntry[str]], root: Path) -> Iterator[Candidate]:
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if not entry.is_dir(follow_symlinks=False):
            yield _judged(entry, path, path.relative_to(root))
            continue
        try:
            yield from _below(sorted(os.scandir(path), key=lambda each: each.name), root)
        except OSError as error:
            yield Candidate(path, path.relative_to(root), why=error.strerror or str(error))


def _judged(entry: os.DirEntry[str], path: Path, relative: Path) -> Candidate:
    if not is_media_name(entry.name):
        return Candidate(path, relative, why="its name is not that of a recording")
    try:
        if not entry.is_file():
            return Candidate(path, relative, why="it is no file")
        size = entry.stat().st_size
    except OSError as error:
        return Candidate(path, relative, why=error.strerror or str(error))
    return Candidate(path, relative, size, "" if size else "it is empty")


class FolderImport:
    """Takes files in, one after the other."""

    def __init__(self, database: Database, intake: Intake, wish: ImportWish) -> None:
        self._database = database
        self._intake = intake
        self._wish = wish

    async def take(self, candidate: Candidate, advance: Advance = lambda _: None) -> Imported:
        """Import one file, or say why not; `advance` is told of bytes that are done with.

        Raises:
            StorageFull, QuotaExceeded, StoreError: Why no file can be taken in now.
        """
        name = str(candidate.shown)
        if candidate.why:
            return Imported(name, "skipped", why=candidate.why)
        try:
            with _opened(candidate.path) as file:
                return await self._take_open(candidate, file, advance)
        except (FileChanged, FileUnreadable, RequestError) as error:
            return Imported(name, "failed", why=error.message)

    async def _take_open(self, candidate: Candidate, file: FileIO, advance: Advance) -> Imported:
        stamp = _Stamp.of(file)
        digest = await asyncio.to_thread(_digest, file)
        known = await self._database.aread(partial(imports.find, sha256=digest, size=stamp.size))
        if known is not None and not known.resumable:
            advance(stamp.size)
            why = "it is in the trash" if known.trashed else "it is there already"
            return Imported(str(candidate.shown), "skipped", known.id, why)
        recording_id = known.id if known is not None else await self._begin(candidate, digest, stamp)
        await self._append(recording_id, known.received if known is not None else 0, (file, stamp), advance)
        return Imported(str(candidate.shown), "resumed" if known is not None else "imported", recording_id)

    async def _begin(self, candidate: Candidate, digest: str, stamp: _Stamp) -> str:
        tags = (*self._wish.tags, *(folder_tags(candidate.shown) if self._wish.tag_folders else ()))
        modified = datetime.fromtimestamp(stamp.modified_ns / 1e9, UTC).isoformat(timespec="seconds")
        new = NewRecording(
            client=CLIENT,
            source="import",
            filename=candidate.shown.name,
            media_type=mimetypes.guess_type(candidate.shown.name)[0] or "",
            tags=tuple(dict.fromkeys(tags)),
            metadata={"path": candidate.shown.as_posix(), "modified": modified},
            wish=self._wish.wish,
            length=stamp.size,
        )
        recording = await self._intake.create(new)
        await self._database.awrite(partial(imports.announce, recording_id=recording.id, sha256=digest))
        return recording.id

    async def _append(self, recording_id: str, offset: int, source: tuple[FileIO, _Stamp], advance: Advance) -> None:
        """Raises FileChanged; what was made of the file is deleted then."""
        advance(offset)
        try:
            recording = await self._intake.append(recording_id, offset, _chunks(*source, offset, advance))
            if not recording.complete:
                raise FileChanged
        except FileChanged:
            await self._intake.terminate(recording_id)
            raise


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when somebody writes to a file."""

    size: int
    modified_ns: int

    @classmethod
    def of(cls, file: FileIO) -> _Stamp:
        found = os.fstat(file.fileno())
        return cls(found.st_size, found.st_mtime_ns)


def _opened(path: Path) -> FileIO:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise FileUnreadable(why=error.strerror or str(error)) from error


def _digest(file: FileIO) -> str:
    try:
        return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileUnreadable(why=error.strerror or str(error)) from error


async def _chunks(file: FileIO, stamp: _Stamp, offset: int, advance: Advance) -> AsyncIterator[bytes]:
    """The rest of a file. Raises FileChanged before the byte that would make it complete."""
    file.seek(offset)
    while block := await asyncio.to_thread(_next_block, file, stamp):
        yield block
        advance(len(block))


def _next_block(file: FileIO, stamp: _Stamp) -> bytes:
    try:
        block = file.read(_BLOCK_BYTES)
    except OSError as error:
        raise FileUnreadable(why=error.strerror or str(error)) from error
    if _Stamp.of(file) != stamp:
        raise FileChanged
    return block
