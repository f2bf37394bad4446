"""A bundle as a source: a file that `care-voice models export` wrote, asked like any other for what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from care_voice.domain.model_errors import FileNotOffered, ModelError, SourceUnavailable
from care_voice.models.bundle import (
    BLOCK_BYTES,
    BundledModel,
    BundleIndex,
    Member,
    blob_member,
    header_of,
    members_of,
    offsets_of,
    signature_member,
)
from care_voice.models.bundle_reader import SOURCE, open_bundle
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.intervals import Span
from care_voice.models.progress import Watch
from care_voice.models.rules import Wanted, mismatch
from care_voice.models.sources.base import Body
from care_voice.models.sources.local import read_span


class BundleFiles:
    """A session over one bundle. Files are found by digest; by name only for a model that has none yet."""

    parallel = False

    def __init__(self, path: Path, index: BundleIndex, index_size: int, model: CatalogueModel) -> None:
        self._path = path
        self._offsets = offsets_of(index_size, index)
        self._by_digest = {member.sha256: member for member in members_of(index)}
        self._bundled = _named(index, model)

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:
        member = self._named(wanted.name) if wanted.sha256 is None else self._by_digest.get(wanted.sha256)
        if member is None:
            raise FileNotOffered(source=SOURCE, file=wanted.name)
        if member.size != wanted.size:
            raise mismatch(wanted, SOURCE, f"it has {member.size} bytes, not {wanted.size}")
        with self._open(member) as file:
            yield Body(span[0], whole=False, chunks=self._chunks(file, member, span))

    def size(self, name: str) -> int | None:
        member = self._named(name)
        return None if member is None else member.size

    def signature(self) -> bytes | None:
        """Whether it is any good is for the signature policy to say."""
        if self._bundled is None or self._bundled.signature is None:
            return None
        member = signature_member(self._bundled.signature)
        with self._open(member) as file:
            return b"".join(self._chunks(file, member, (0, member.size)))

    def _named(self, name: str) -> Member | None:
        files = self._bundled.model.files if self._bundled else ()
        return next((blob_member(entry) for entry in files if entry.name == name), None)

    @contextmanager
    def _open(self, member: Member) -> Iterator[BinaryIO]:
        with _mapped():
            file = self._path.open("rb")
        with file:
            header = b"".join(self._chunks(file, member, (-BLOCK_BYTES, 0)))
            if header != header_of(member.name, member.size):
                raise SourceUnavailable(source=SOURCE, why=f"{self._path} is not what its index says")
            yield file

    def _chunks(self, file: BinaryIO, member: Member, span: Span) -> Iterator[bytes]:
        with _mapped():
            yield from read_span(file, span, self._offsets[member] + BLOCK_BYTES)


@dataclass(frozen=True)
class BundleSource:
    """One bundle, not encrypted: who may pull unattended would have to hold the private key."""

    path: Path
    name: str = SOURCE

    def offers(self, model: CatalogueModel) -> bool:
        try:
            index, _ = self._index()
        except SourceUnavailable:
            # The pull is told so, and why, when it opens this source; the others are asked all the same.
            return True
        if not model.files:
            return _named(index, model) is not None
        digests = {member.sha256 for member in members_of(index)}
        return any(entry.sha256 in digests for entry in model.files)

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - it only reads
        return 0

    @contextmanager
    def open(
        self,
        model: CatalogueModel,
        scratch: Path,  # noqa: ARG002 - it only reads
        watch: Watch,  # noqa: ARG002 - whoever takes the bytes reports
    ) -> Iterator[BundleFiles]:
        index, index_size = self._index()
        yield BundleFiles(self.path, index, index_size, model)

    def _index(self) -> tuple[BundleIndex, int]:
        with _mapped():
            # Asked first: opening a pipe would wait for somebody to write into it.
            if not self.path.is_file():
                raise SourceUnavailable(source=self.name, why=f"there is no file {self.path}")
        try:
            with open_bundle(self.path) as reader:
                return reader.index, reader.index_size
        except ModelError as error:
            raise SourceUnavailable(source=self.name, why=error.message.removesuffix(".")) from error


def _named(index: BundleIndex, model: CatalogueModel) -> BundledModel | None:
    """The model of a bundle that is this one by name, and by its files or, where they are not known yet, its origin."""
    found = next((each for each in index.models if each.model.name == model.name), None)
    if found is None:
        return None
    same = set(found.model.files) == set(model.files) if model.files else found.model.origin == model.origin
    return found if same else None


@contextmanager
def _mapped() -> Iterator[None]:
    """What the system refuses here is about the source, not about the store."""
    try:
        yield
    except OSError as error:
        raise SourceUnavailable(source=SOURCE, why=str(error)) from error
