"""The model store: content-addressed blobs, manifests, and the views that engines open.

<directory>/
    blobs/sha256/<digest>      verified bytes, read-only; shared files are kept once
    manifests/<name>.json      what was pulled, when, from where
    views/<name>/<file>        hard links to blobs (copies where links are not possible)
    pins/<name>.json           digests of models that the shipped catalogue does not know, from their first pull
    signatures/<name>.sig      detached signatures over a view
    records/<name>.json        when a model was last verified, and what was found
    incoming/<name>/...        bytes on their way in, 0600; nothing else is ever unverified
    locks/<name>.lock          held while a model is pulled
    store.lock                 held for moments, while what belongs to whom changes
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog
from filelock import FileLock

from care_voice.domain.model_errors import ModelNotInstalled, UnknownCatalogueModel
from care_voice.models.belief import files_in, is_believed, proof, read_own_record, seen_files
from care_voice.models.catalogue import Catalogue, CatalogueModel, FileEntry
from care_voice.models.files import hash_file, mapped_errors, remove_entry, write_whole
from care_voice.models.manifest import Manifest, read_manifest, read_pin_copy
from care_voice.models.pins import Pin, read_pins, with_pin
from care_voice.models.progress import CancelToken, ProgressCallback, Watch
from care_voice.models.records import Record, write_record
from care_voice.models.report import FileIdentity, FileReport, ManifestState, PinState, Report, Verified
from care_voice.models.rules import ContentState, judge
from care_voice.models.sealed import encode_sealed, read_sealed
from care_voice.models.times import utc_now

log = structlog.get_logger(__name__)

LEAST_FREE_BYTES = 16 * 1024 * 1024
"""Room for the small files of the store."""


class ModelStore:
    """Models on disk. Reading and verifying need to write nothing, so a store may be mounted read-only."""

    def __init__(
        self,
        directory: Path,
        catalogue: Catalogue | None = None,
        user_entries: Sequence[CatalogueModel] = (),
        *,
        recheck_after_h: float = 0.0,
        keep_free_bytes: int = LEAST_FREE_BYTES,
    ) -> None:
        """`recheck_after_h`: hours for which `vouched` believes the record of a full check. `keep_free_bytes` are not
        taken by models that come in."""
        self.directory = directory.absolute()
        self.keep_free_bytes = max(keep_free_bytes, LEAST_FREE_BYTES)
        self._recheck_after_h = recheck_after_h
        self._shipped = catalogue or Catalogue.load()
        self._user_entries = tuple(user_entries)

    @property
    def shipped(self) -> Catalogue:
        """The models that this version of Care Voice knows by itself."""
        return self._shipped

    @property
    def catalogue(self) -> Catalogue:
        """All models that can be pulled: the shipped ones, the operator's own, and those that were made or imported."""
        pins = self._pins()
        own = [with_pin(entry, pins.pop(entry.name, None)) for entry in self._user_entries]
        others = [pin.model for name, pin in pins.items() if not self._shipped.knows(name)]
        return Catalogue((*self._shipped.models, *own, *others))

    def _pins(self) -> dict[str, Pin]:
        """All pins, by model. One that is missing or damaged is taken from the model's manifest, which has a copy."""
        pins = read_pins(self.directory / "pins")
        others = [name for name in self.manifest_names() if name not in pins and not self._shipped.knows(name)]
        copies = ((name, read_pin_copy(self.manifest_path(name))) for name in others)
        return dict(sorted([*pins.items(), *((name, pin) for name, pin in copies if pin is not None)]))

    @property
    def incoming(self) -> Path:
        return self.directory / "incoming"

    def blob_path(self, sha256: str) -> Path:
        return self.directory / "blobs" / "sha256" / sha256

    def manifest_path(self, name: str) -> Path:
        return self.directory / "manifests" / f"{name}.json"

    def pin_path(self, name: str) -> Path:
        return self.directory / "pins" / f"{name}.json"

    def signature_path(self, name: str) -> Path:
        return self.directory / "signatures" / f"{name}.sig"

    def record_path(self, name: str) -> Path:
        return self.directory / "records" / f"{name}.json"

    def view_path(self, name: str) -> Path:
        """The directory that an engine opens. Only `verify` or a pull says whether it holds the right bytes."""
        return self.directory / "views" / name

    def lock(self, name: str) -> FileLock:
        """The lock that is held while the model `name` is pulled; the kernel frees it when its process dies."""
        return self._lock(self.directory / "locks" / f"{name}.lock")

    def ownership_lock(self) -> FileLock:
        """The lock around every change of which model needs which blob; never held during a download."""
        return self._lock(self.directory / "store.lock")

    def _lock(self, path: Path) -> FileLock:
        with mapped_errors(self.directory):
            path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(path, preserve_lock_file=True)

    def installed(self) -> tuple[Manifest, ...]:
        """The models with a readable manifest, by name. Says nothing about their bytes."""
        found = [(name, read_manifest(self.manifest_path(name))) for name in self.manifest_names()]
        return tuple(manifest for name, manifest in found if manifest is not None and manifest.name == name)

    def verify(self, name: str, progress: ProgressCallback | None = None, cancel: CancelToken | None = None) -> Report:
        """Hash every file of an installed model.

        Raises UnknownCatalogueModel, ModelNotInstalled, PullCancelled. Damage is not an error here: see the report.
        """
        model = self.catalogue.get(name)
        if not self.manifest_path(name).exists():
            raise ModelNotInstalled(name=name)
        report = self.inspect(model, Watch(name, progress, cancel))
        self.note(report)
        return report

    def note(self, report: Report) -> None:
        """Write down what a full check found. A store that cannot be written, such as a read-only mount, is checked
        all the same."""
        record = Record(utc_now(), report.ok, report.why, seen_files(report))
        with suppress(OSError):
            write_record(self.record_path(report.name), record)

    def vouched(self, model: CatalogueModel) -> Verified | None:
        """The proof of the last full check, where its record is believed and no file has changed since; else None.

        Reads no model's bytes.
        """
        record = read_own_record(self.record_path(model.name)) if self._recheck_after_h > 0 else None
        if record is None or self._manifest_state(model) != "ok" or self._pin_state(model) != "ok":
            return None
        view = self.view_path(model.name)
        if not is_believed(record, model.files, files_in(view), datetime.now(UTC), self._recheck_after_h):
            return None
        return proof(record, model.name, view)

    def record(self, name: str) -> Record | None:
        """What the last full check of a model found; None when there was none."""
        return read_sealed(self.record_path(name), Record)

    def inspect(self, model: CatalogueModel, watch: Watch) -> Report:
        """Hash every file of a model, installed or not. Raises PullCancelled."""
        began_ns = time.time_ns()
        files = [self._inspect_file(model, entry, watch) for entry in model.files]
        known = {entry.name for entry in model.files}
        strays = [FileReport(name, "unexpected") for name in _names(self.view_path(model.name)) if name not in known]
        manifest, pin = self._manifest_state(model), self._pin_state(model)
        return Report(model.name, self.view_path(model.name), (*files, *strays), manifest, pin, began_ns)

    def fast_check(self, verified: Verified) -> bool:
        """Whether the view still holds the very files that were hashed, by inode, size and modification time.

        Costs microseconds and sees every replaced, resized or rewritten file; bits that rot under an unchanged
        modification time are found by `verify` alone.
        """
        known = dict(verified.identities)
        if set(_names(verified.view)) != set(known):
            return False
        return all(_identity(verified.view / name) == identity for name, identity in known.items())

    def remove(self, name: str, *, forget: bool = False) -> None:
        """Delete a model: manifest, view, and the blobs that no other model needs.

        The digests that were recorded for it stay required, unless they are to be forgotten.
        Raises ModelNotInstalled, StoreUnwritable.
        """
        if name not in self.manifest_names():
            raise ModelNotInstalled(name=name)
        with mapped_errors(self.directory), self.lock(name), self.ownership_lock():
            digests = self.digests_of(name)
            self.mend_pin(name)
            remove_entry(self.manifest_path(name))
            remove_entry(self.view_path(name))
            remove_entry(self.record_path(name))
            remove_entry(self.signature_path(name))
            remove_entry(self.incoming / name)
            if forget:
                remove_entry(self.pin_path(name))
            self.drop_unneeded(digests)
        log.info("model_removed", model=name, forgotten=forget)

    def mend_pin(self, name: str) -> Pin | None:
        """Write a pin again that is missing or damaged, and return it; None where there is none.

        The caller holds the ownership lock. Raises OSError.
        """
        pin = self._pins().get(name)
        if pin is not None and read_sealed(self.pin_path(name), Pin) != pin:
            write_whole(self.pin_path(name), encode_sealed(pin), self.incoming)
            log.warning("pin_mended", model=name)
        return pin

    def drop_unneeded(self, digests: Iterable[str]) -> None:
        """Delete those of these blobs that no model with a manifest needs. The caller holds the ownership lock."""
        needed = [self.digests_of(name) for name in self.manifest_names()]
        for digest in set(digests).difference(*needed):
            self.blob_path(digest).unlink(missing_ok=True)

    def manifest_names(self) -> list[str]:
        """Names of all models with a manifest, readable or not."""
        return sorted(path.stem for path in (self.directory / "manifests").glob("*.json"))

    def digests_of(self, name: str) -> set[str]:
        """The blobs that a model needs, by its manifest and by the catalogue."""
        manifest = read_manifest(self.manifest_path(name))
        digests = {file.sha256 for file in manifest.files} if manifest else set()
        try:
            return digests | {entry.sha256 for entry in self.catalogue.get(name).files}
        except UnknownCatalogueModel:
            return digests

    def _manifest_state(self, model: CatalogueModel) -> ManifestState:
        path = self.manifest_path(model.name)
        if not path.exists():
            return "missing"
        manifest = read_manifest(path)
        return "ok" if manifest is not None and manifest.describes(model) else "differs"

    def _pin_state(self, model: CatalogueModel) -> PinState:
        """A pin that cannot be read counts only while its copy stands in for it: what has no pin needs none."""
        pin = self._pins().get(model.name)
        return "ok" if pin is None or read_sealed(self.pin_path(model.name), Pin) == pin else "damaged"

    def _inspect_file(self, model: CatalogueModel, entry: FileEntry, watch: Watch) -> FileReport:
        blob, view = self.blob_path(entry.sha256), self.view_path(model.name) / entry.name
        try:
            identity, state = _hashed(blob, entry, watch)
        except FileNotFoundError:
            return FileReport(entry.name, "missing")
        except OSError:
            return FileReport(entry.name, "unreadable")
        if state != "ok":
            return FileReport(entry.name, state)
        return _inspect_view(view, entry, identity, watch)


def _hashed(path: Path, entry: FileEntry, watch: Watch) -> tuple[FileIdentity, ContentState]:
    size = path.stat().st_size
    if size != entry.size:
        return FileIdentity.of(path.stat()), "wrong_size"
    identity, digest = hash_file(path, lambda done: watch.report("verifying", entry.name, done, entry.size))
    return identity, judge(entry, identity.size, digest)


def _inspect_view(view: Path, entry: FileEntry, blob: FileIdentity, watch: Watch) -> FileReport:
    """Judge what an engine would open: the blob's own inode, or a copy that has to be hashed as well."""
    try:
        identity, state = FileIdentity.of(view.stat()), "ok"
        if identity != blob:
            identity, state = _hashed(view, entry, watch)
    except OSError:
        return FileReport(entry.name, "view_broken")
    return (
        FileReport(entry.name, "ok", identity, entry.sha256) if state == "ok" else FileReport(entry.name, "view_broken")
    )


def _identity(path: Path) -> FileIdentity | None:
    try:
        return FileIdentity.of(path.stat())
    except OSError:
        return None


def _names(directory: Path) -> list[str]:
    try:
        return sorted(path.name for path in directory.iterdir())
    except OSError:
        return []
