"""Where the sound of recordings lies: what a directory and S3 have in common, and what both promise.

An object has a key, such as `recordings/ID/NAME`. Bytes of it that a row names never change. All calls block; they are
made in threads. Sizes and offsets are bytes, offsets count from the beginning of the recording.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Final, NamedTuple, Protocol

from care_voice.domain.recordings import Part
from care_voice.domain.store_errors import AudioMissing

BLOCK_BYTES: Final = 1024 * 1024
"""Sound is read and copied in pieces of this size."""

_KEY = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9._-]*/)+[A-Za-z0-9_][A-Za-z0-9._-]*\Z")


class StoredObject(NamedTuple):
    """An object as the storage lists it; `modified` is in Unix seconds, by the storage's clock."""

    key: str
    size: int
    modified: float


@dataclass(frozen=True, slots=True)
class Joined:
    """A recording as one object; `sha256` is in hex."""

    part: Part
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Put:
    """An object that was written whole; `sha256` is in hex."""

    size: int
    sha256: str


class PartWriter(Protocol):
    """Appends bytes to a recording. After the block ends, what was not synced is gone.

    A writer that raised in `write` has not taken any of those bytes; what it had before can still be synced. One that
    raised in `sync` may be asked to sync again, and refuses where it cannot know what of its bytes is safe.
    """

    def __enter__(self) -> PartWriter: ...

    def __exit__(self, *_: object) -> None: ...

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes. Raises StorageFull, AudioUnavailable."""

    def sync(self) -> list[Part]:
        """Make all that was written durable. All parts of this writer as they are now, in order.

        Raises:
            StorageFull, AudioUnavailable: What earlier calls have returned is safe all the same.
        """


class AudioStore(Protocol):
    """Objects with sound. Every method may raise AudioUnavailable, and every one that writes StorageFull."""

    def writer(self, recording_id: str, start: int, appender: int) -> PartWriter:
        """Append from offset `start` on. No two writers ever touch the same object."""

    def read(self, parts: Sequence[Part], start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes [start, end) of contiguous parts; `end` is at most where the parts end.

        Raises:
            AudioMissing: An object is gone, or too short; bytes before that have been given.
        """

    def join(self, recording_id: str, parts: Sequence[Part]) -> Joined:
        """Make one durable object of all parts; it has a key of its own, and theirs are left as they are.

        Raises:
            AudioMissing: An object is gone, or too short.
        """

    def put_file(self, key: str, path: Path) -> Put:
        """Store a file under `key`, durably; it appears whole or not at all."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; it is no error if some are gone already."""

    def local(self, parts: Sequence[Part]) -> AbstractContextManager[Path]:
        """A file with exactly the bytes of the parts, to be read only, while the block lasts. Raises AudioMissing."""

    def keys(self, prefix: str = "") -> Iterator[StoredObject]:
        """Objects whose keys begin with `prefix`, in the order of their keys' bytes. What others have put there under
        names that no key can have is none of them."""

    def free_bytes(self) -> int | None:
        """Room that is left; None where nobody can say."""


class Digest:
    """Hashes and counts what passes."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.size = 0

    def over(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            self._sha256.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def put(self) -> Put:
        return Put(self.size, self.sha256)


def part_key(recording_id: str, start: int, appender: int) -> str:
    """A key that no other writer has: it says where the part begins and who wrote it."""
    return checked_key(f"recordings/{recording_id}/{start:013d}-{appender}-{token_hex(4)}")


def joined_key(recording_id: str) -> str:
    """A key for all of a recording."""
    return checked_key(f"recordings/{recording_id}/audio-{token_hex(4)}")


def is_key(key: str) -> bool:
    """Whether an object can have this key: it leads neither out of the storage nor to a hidden file."""
    return _KEY.match(key) is not None


def checked_key(key: str) -> str:
    """The key itself. Raises ValueError where it could lead out of the storage, or to a hidden file."""
    if not is_key(key):
        raise ValueError(f"not the key of an object: {key!r}")
    return key


def spans(parts: Sequence[Part], start: int, end: int | None) -> Iterator[tuple[str, int, int]]:
    """What to read for the bytes [start, end): keys, with the first and the last offset (exclusive) in each object.

    Raises:
        AudioMissing: The parts leave a gap.
    """
    place = parts[0].start if parts else 0
    for part in parts:
        if part.start != place:
            raise AudioMissing(key=part.key)
        place = part.end
        first, last = max(start, part.start), part.end if end is None else min(end, part.end)
        if first < last:
            yield part.key, first - part.start, last - part.start


def fixed_blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in blocks of `size`; the last one may be shorter, and there is at least one."""
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while len(pending) > size:
            yield bytes(pending[:size])
            del pending[:size]
    yield bytes(pending)
