"""Restore models from a backup: without a network, verified, and through the same door as a pull."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from care_voice.domain.model_errors import BundleInvalid, FileNotOffered, SourceUnavailable
from care_voice.models.backup_place import OWN_MODELS, BackedUpModel, BackupIndex, BackupPlace
from care_voice.models.bundle import fault_of_model
from care_voice.models.bundle_import import import_bundle
from care_voice.models.catalogue import FileEntry
from care_voice.models.encryption import Identity, decrypt, identities_of
from care_voice.models.intake import Accept, Intake, Offer, Taken
from care_voice.models.landing import landing, target_errors
from care_voice.models.progress import CancelToken, ProgressCallback, Watch
from care_voice.models.rules import judge_digest, mismatch
from care_voice.models.store import ModelStore
from care_voice.models.streams import CHUNK_BYTES, Sink

SOURCE = "backup"
"""What messages and manifests call it."""

_SMALL_BYTES = 1024 * 1024

OwnModels = Literal["none", "written", "kept", "differs"]
"""What became of the file with the operator's own models. none: the backup has none. kept: it is here already.
differs: there is another one here, which was left alone."""


@dataclass
class RestoreReport(Taken):
    """What a restore did."""

    own_models: OwnModels = "none"


def restore(
    store: ModelStore,
    source: Path,
    *,
    identities: Sequence[Path] = (),
    accept: Accept | None = None,
    own_models: Path | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> RestoreReport:
    """Make every model of a backup, a directory or a file, whole in the store; nothing is written for those that are.

    `identities` are files with private keys; `own_models` is where the file with the operator's own models belongs.
    See `RestoreReport.require` for errors of single models. Raises BundleInvalid, DecryptionFailed, InvalidParameter,
    PullCancelled.
    """
    if not source.is_dir():
        taken = import_bundle(
            store, source, identities=identities, accept=accept, as_it_was=True, progress=progress, cancel=cancel
        )
        return RestoreReport(taken.path, taken.refused, taken.written, taken.kept)
    place = BackupPlace(source)
    index = place.read_index()
    if index is None:
        raise BundleInvalid(path=source, why="there is no backup in it")
    files = _Files(place, index, identities)
    report, intake = RestoreReport(source), Intake(store, SOURCE, accept)
    for each in index.models:
        name = each.model.name
        with report.attempt(name):
            wrote = intake.take(_offer(files, each), files.copy, Watch(name, progress, cancel))
            report.note(name, wrote=wrote)
    with report.attempt(OWN_MODELS):
        report.own_models = _restore_own_models(files, index.own_models, own_models)
    return report


class _Files:
    """The files of a backup, by the digest of their content."""

    def __init__(self, place: BackupPlace, index: BackupIndex, identities: Sequence[Path]) -> None:
        self._place = place
        self._stored = index.files
        encrypted = any(stored.recipients for stored in index.files.values())
        self._identities: Sequence[Identity] = identities_of(identities) if encrypted else ()
        self.path = place.directory

    def copy(self, entry: FileEntry, sink: Sink) -> None:
        """Write the content of a file into a sink; whoever reads it has to verify it.

        Raises FileNotOffered, SourceUnavailable, DecryptionFailed.
        """
        stored = self._stored.get(entry.sha256)
        if stored is None:
            raise FileNotOffered(source=SOURCE, file=entry.name)
        path = self._place.path_of(stored)
        if not path.is_file():
            raise FileNotOffered(source=SOURCE, file=entry.name)
        with _Reading(path) as file:
            if stored.recipients:
                decrypt(file, path, sink, self._identities)
            else:
                while chunk := file.read(CHUNK_BYTES):
                    sink.write(chunk)

    def small(self, entry: FileEntry) -> bytes:
        """The verified content of a small file. Raises what `copy` raises, and DigestMismatch."""
        small = _Small(entry)
        self.copy(entry, small)
        judge_digest(entry, SOURCE, len(small.content), hashlib.sha256(small.content).hexdigest())
        return small.content


class _Reading:
    """A file that is read; what the disk refuses is the backup's fault, and not that of the store it goes to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._errors():
            self._file = path.open("rb", buffering=0)

    def read(self, count: int, /) -> bytes:
        with self._errors():
            return self._file.read(count)

    def __enter__(self) -> _Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SourceUnavailable(source=SOURCE, why=f"{self._path}: {error.strerror}") from error


class _Small:
    """Takes the content of a file that is read into memory, and not a byte more than it should have."""

    def __init__(self, entry: FileEntry) -> None:
        self._entry = entry
        self.content = b""

    def write(self, chunk: bytes, /) -> int:
        limit = min(self._entry.size, _SMALL_BYTES)
        if len(self.content) + len(chunk) > limit:
            raise mismatch(self._entry, SOURCE, f"it is longer than {limit} bytes")
        self.content += chunk
        return len(chunk)

    def flush(self) -> None:
        """Nothing waits here."""


def _offer(files: _Files, each: BackedUpModel) -> Offer:
    if fault := fault_of_model(each.model, each.manifest):
        raise BundleInvalid(path=files.path, why=fault)
    signature = files.small(each.signature) if each.signature else None
    return Offer(each.model, each.manifest, signature, each.pin, as_it_was=True)


def _restore_own_models(files: _Files, entry: FileEntry | None, path: Path | None) -> OwnModels:
    """Put the file back where there is none; another one is not replaced, since it is the operator's."""
    if entry is None or path is None:
        return "none"
    content = files.small(entry)
    with target_errors(path):
        if path.exists():
            return "kept" if path.read_bytes() == content else "differs"
    with landing(path.with_name(f".{path.name}.part")) as place:
        place.write(content)
        place.keep(path, lambda _: None)
    return "written"
