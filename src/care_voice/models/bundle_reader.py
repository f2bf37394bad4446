"""Read a bundle from its beginning to its end, as it comes from a file, a pipe or a decryption."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeVar

from care_voice.domain.model_errors import BundleInvalid, DigestMismatch, ModelError, SourceUnavailable
from care_voice.models.bundle import (
    BLOCK_BYTES,
    END,
    Member,
    decode_index,
    header_of,
    length_of,
    members_of,
    size_of_index,
)
from care_voice.models.encryption import MAGIC, decrypting, identities_of, is_encrypted
from care_voice.models.streams import CHUNK_BYTES, Joined, Readable, read_up_to

T = TypeVar("T")

SOURCE = "bundle"
"""What messages and manifests call it."""

_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf")


class BundleReader:
    """Gives the content of members in their order; what is not asked for is passed over.

    `largest` is how many bytes the whole bundle can have at most, and `exact` says that it has just as many; without
    either the index is believed until the bytes run out. Every method raises BundleInvalid once the file is not what
    its index says, and what reading the stream raises.
    """

    def __init__(self, stream: Readable, path: Path, *, largest: int | None = None, exact: bool = False) -> None:
        self._stream = stream
        self._path = path
        self._broken: ModelError | None = None
        size = self._judged(size_of_index, self._first_block())
        self.index = self._judged(decode_index, self._exactly(size))
        self.index_size = size
        self._zeros(-size % BLOCK_BYTES)
        self._require_length(length_of(size, self.index), largest, exact=exact)
        self._ahead = deque(members_of(self.index))
        self._left, self._padding = 0, 0

    def read(self, member: Member) -> Iterator[bytes]:
        """Yield the content of a member in chunks.

        Raises DigestMismatch after the last chunk if it is not what the index says: until then it is not to be trusted.
        Raises SourceUnavailable when it was passed already.
        """
        if member not in self._ahead:
            raise SourceUnavailable(source=SOURCE, why=f"{member.name} came before, with a model that was not taken")
        while self._begin() != member:
            pass
        digest = hashlib.sha256()
        for chunk in self._rest():
            digest.update(chunk)
            yield chunk
        if digest.hexdigest() != member.sha256:
            raise DigestMismatch(file=member.name, source=SOURCE, why=f"its SHA-256 is {digest.hexdigest()}")

    def finish(self) -> None:
        """Read on to the end, which must come where the index says."""
        while self._ahead:
            self._begin()
        self._pass_rest()
        if self._exactly(len(END)) != END or self._some(1):
            self._refuse("something follows after its last file")

    def _begin(self) -> Member:
        """Go to the content of the next member, and return it."""
        self._pass_rest()
        member = self._ahead[0]
        if self._exactly(BLOCK_BYTES) != header_of(member.name, member.size):
            self._refuse(f"where {member.name} should begin is something else")
        self._left, self._padding = member.size, member.padding
        return self._ahead.popleft()

    def _rest(self) -> Iterator[bytes]:
        """What was not read yet of the member that was begun."""
        while self._left:
            chunk = self._some(min(self._left, CHUNK_BYTES)) or self._refuse("it is cut off")
            self._left -= len(chunk)
            if not self._left:
                self._zeros(self._padding)
            yield chunk

    def _pass_rest(self) -> None:
        for _ in self._rest():
            pass

    def _zeros(self, count: int) -> None:
        if any(self._exactly(count)):
            self._refuse("something is hidden between its files")

    def _first_block(self) -> bytes:
        block = self._read(read_up_to, BLOCK_BYTES)
        if block.startswith(MAGIC):
            self._refuse("it is encrypted")
        if block.startswith(_COMPRESSED):
            self._refuse("it is compressed, which a bundle never is")
        return block

    def _exactly(self, count: int) -> bytes:
        found = self._read(read_up_to, count)
        return found if len(found) == count else self._refuse("it is cut off")

    def _some(self, count: int) -> bytes:
        return self._read(lambda stream, size: stream.read(size), count)

    def _read(self, how: Callable[[Readable, int], bytes], count: int) -> bytes:
        """Read, unless the bundle was found to be broken: then everything after that is in doubt, and said again."""
        if self._broken is not None:
            raise self._broken
        try:
            return how(self._stream, count)
        except OSError as error:
            self._refuse(f"it cannot be read ({error.strerror or error})")
        except ModelError as error:
            self._broken = error
            raise

    def _judged(self, judge: Callable[[bytes], T], raw: bytes) -> T:
        try:
            return judge(raw)
        except ValueError as error:
            self._refuse(str(error))

    def _require_length(self, length: int, largest: int | None, *, exact: bool) -> None:
        if largest is not None and length > largest:
            self._refuse(f"it is cut off: it has {largest} of {length} bytes")
        if largest is not None and exact and length < largest:
            self._refuse(f"something follows after its last file: it has {largest} bytes, and {length} by its index")

    def _refuse(self, why: str) -> NoReturn:
        self._broken = BundleInvalid(path=self._path, why=why)
        raise self._broken


@contextmanager
def open_bundle(source: Path | BinaryIO, identities: Sequence[Path] = ()) -> Iterator[BundleReader]:
    """Open a bundle, and decrypt it where it is encrypted, with the private keys in the files `identities`.

    Raises BundleInvalid, DecryptionFailed, InvalidParameter.
    """
    if isinstance(source, Path):
        try:
            file = source.open("rb", buffering=0)
        except OSError as error:
            raise BundleInvalid(path=source, why=f"it cannot be opened ({error.strerror})") from error
        with file, _reader_over(file, source, _size_of(file), identities) as reader:
            yield reader
    else:
        with _reader_over(source, Path("-"), None, identities) as reader:
            yield reader


@contextmanager
def _reader_over(stream: Readable, path: Path, size: int | None, identities: Sequence[Path]) -> Iterator[BundleReader]:
    try:
        start = read_up_to(stream, len(MAGIC))
    except OSError as error:
        raise BundleInvalid(path=path, why=f"it cannot be read ({error.strerror})") from error
    whole = Joined(start, stream)
    if is_encrypted(start):
        with decrypting(whole, path, identities_of(identities)) as plain:
            yield BundleReader(plain, path, largest=size)
    else:
        yield BundleReader(whole, path, largest=size, exact=True)


def _size_of(file: BinaryIO) -> int | None:
    """The size of a regular file in bytes; None for a pipe."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else None
