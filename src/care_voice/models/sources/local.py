"""Files on this machine: a directory of the operator's, or an extracted copy of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from care_voice.domain.model_errors import FileNotOffered, SourceUnavailable
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.intervals import Span
from care_voice.models.progress import Watch
from care_voice.models.rules import Wanted, mismatch
from care_voice.models.sources.base import SIGNATURE_LIMIT_BYTES, SIGNATURE_NAME, Body

_CHUNK_BYTES = 1024 * 1024


class LocalFiles:
    """A session over one directory. Links are followed: hubs keep their files behind links, and digests decide."""

    parallel = False

    def __init__(self, source: str, directory: Path) -> None:
        self._source = source
        self._directory = directory

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:
        size = self.size(wanted.name)
        if size is None:
            raise FileNotOffered(source=self._source, file=wanted.name)
        if size != wanted.size:
            raise mismatch(wanted, self._source, f"it has {size} bytes, not {wanted.size}")
        with self._open(wanted.name) as file:
            yield Body(span[0], whole=False, chunks=self._chunks(file, span))

    def size(self, name: str) -> int | None:
        path = self._directory / name
        with self._mapped():
            # Asked first: opening a pipe would wait for somebody to write into it.
            return path.stat().st_size if path.is_file() else None

    def signature(self) -> bytes | None:
        if not (size := self.size(SIGNATURE_NAME)):
            return None
        if size > SIGNATURE_LIMIT_BYTES:
            raise SourceUnavailable(source=self._source, why=f"its {SIGNATURE_NAME} is larger than any signature")
        with self._open(SIGNATURE_NAME) as file, self._mapped():
            return file.read(SIGNATURE_LIMIT_BYTES)

    def _open(self, name: str) -> BinaryIO:
        with self._mapped():
            return (self._directory / name).open("rb")

    def _chunks(self, file: BinaryIO, span: Span) -> Iterator[bytes]:
        with self._mapped():
            yield from read_span(file, span)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """What the system refuses here is about the source. Without this the store would be blamed."""
        try:
            yield
        except OSError as error:
            raise SourceUnavailable(source=self._source, why=str(error)) from error


def read_span(file: BinaryIO, span: Span, offset: int = 0) -> Iterator[bytes]:
    """Yield the bytes of a span, of content that begins at `offset` in the file."""
    file.seek(offset + span[0])
    left = span[1] - span[0]
    while left > 0 and (chunk := file.read(min(_CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk


@dataclass(frozen=True)
class DirectorySource:
    """Directories of models, in the order in which they are looked through: `<directory>/<model>/<file>`."""

    directories: tuple[Path, ...] = ()
    name: str = "directory"

    def offers(self, model: CatalogueModel) -> bool:
        return self._directory_of(model) is not None

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - it only reads
        return 0

    @contextmanager
    def open(
        self,
        model: CatalogueModel,
        scratch: Path,  # noqa: ARG002 - it only reads
        watch: Watch,  # noqa: ARG002 - whoever takes the bytes reports
    ) -> Iterator[LocalFiles]:
        directory = self._directory_of(model)
        if directory is None or not _is_directory(directory):
            raise SourceUnavailable(source=self.name, why=f"there is no directory {directory}")
        yield LocalFiles(self.name, directory)

    def _directory_of(self, model: CatalogueModel) -> Path | None:
        if model.directory is not None:
            return Path(model.directory)
        candidates = (directory / model.name for directory in self.directories)
        return next((path for path in candidates if _is_directory(path)), None)


def _is_directory(path: Path) -> bool:
    """Also false for what may not be looked at."""
    try:
        return path.is_dir()
    except OSError:
        return False


@dataclass(frozen=True)
class FolderSource:
    """One folder that holds the files of one model, whatever it is called."""

    folder: Path
    name: str = "directory"

    def offers(self, model: CatalogueModel) -> bool:  # noqa: ARG002 - whoever names the folder says that it does
        return True

    def scratch_bytes(self, model: CatalogueModel) -> int:  # noqa: ARG002 - it only reads
        return 0

    @contextmanager
    def open(
        self,
        model: CatalogueModel,  # noqa: ARG002 - there is only one
        scratch: Path,  # noqa: ARG002 - it only reads
        watch: Watch,  # noqa: ARG002 - whoever takes the bytes reports
    ) -> Iterator[LocalFiles]:
        yield LocalFiles(self.name, self.folder)
