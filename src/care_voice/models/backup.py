"""Back models up, into a directory that grows by what is new, or into one file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog

import care_voice
from care_voice.domain.model_errors import BundleInvalid, CatalogueInvalid, ModelDamaged, TargetUnwritable
from care_voice.models.backup_place import FORMAT, OWN_MODELS, BackedUpModel, BackupIndex, BackupPlace, StoredFile
from care_voice.models.bundle import fault_of_model
from care_voice.models.bundle_writer import export_bundle
from care_voice.models.catalogue import FileEntry
from care_voice.models.encryption import Recipient, encrypting, recipients_of
from care_voice.models.landing import require_space
from care_voice.models.outcome import Outcome
from care_voice.models.outgoing import names_or_all, outgoing, read_blob
from care_voice.models.progress import CancelToken, ProgressCallback, Watch
from care_voice.models.store import ModelStore
from care_voice.models.times import utc_now

log = structlog.get_logger(__name__)

_FILE_SUFFIXES = (".tar", ".age")


@dataclass
class BackupReport(Outcome):
    """What a backup did. Sizes in bytes, as they lie in the backup."""

    models: list[str] = field(default_factory=list)
    """Backed up as they are in the store now."""
    carried: list[str] = field(default_factory=list)
    """In the backup since before, and left there."""
    copied_bytes: int = 0
    kept_bytes: int = 0
    """Files that were in the backup already, and whole."""
    repaired_bytes: int = 0
    """Files that were damaged or missing in the backup, and written anew."""
    removed_bytes: int = 0
    """Files that no model in the backup needs any more."""

    @property
    def whole(self) -> tuple[str, ...]:
        return tuple(sorted(name for name in (*self.models, *self.carried) if name not in self.refused))


def is_file_target(target: Path) -> bool:
    """Whether a backup there is one file: it is one, or is to be one by its name (.tar or .age)."""
    return target.is_file() or (target.suffix in _FILE_SUFFIXES and not target.is_dir())


def backup(
    store: ModelStore,
    target: Path,
    names: Sequence[str] = (),
    *,
    recipients: Sequence[str] = (),
    own_models: Path | None = None,
    progress: ProgressCallback | None = None,
    cancel: CancelToken | None = None,
) -> BackupReport:
    """Bring models, all that are installed where none is named, into a backup that `restore` reads.

    A directory gets what it lacks; what it has is hashed from the disk, and written anew where it is damaged. Models
    that are not in the store any more stay in it. The index is replaced last: until then the directory holds the
    backup that it held before. A file (`is_file_target`) is written whole, as `export_bundle` does. `recipients` are
    public keys of age or SSH to encrypt to; `own_models` is the file with the operator's own models.

    See `BackupReport.require` for errors of single models. Raises DiskFull, TargetUnwritable, BundleInvalid when the
    backup that is there cannot be read, InvalidParameter, PullCancelled; for a file what `export_bundle` raises.
    """
    if is_file_target(target):
        written = export_bundle(store, names, target, recipients=recipients, progress=progress, cancel=cancel)
        return BackupReport(written.path, models=list(written.models), copied_bytes=written.size)
    _refuse_store(store, target)
    place = BackupPlace(target)
    with place.opened():
        run = _Run(store, place, recipients, progress, cancel)
        run.add_models(names_or_all(store, names))
        run.carry()
        run.add_own_models(own_models)
        return run.commit()


class _Run:
    """One backup into a directory."""

    def __init__(
        self,
        store: ModelStore,
        place: BackupPlace,
        recipients: Sequence[str],
        progress: ProgressCallback | None,
        cancel: CancelToken | None,
    ) -> None:
        self._store = store
        self._place = place
        self._recipients = tuple(sorted({text.strip() for text in recipients}))
        self._keys: Sequence[Recipient] = recipients_of(self._recipients)
        self._progress = progress
        self._cancel = cancel
        self._old = place.read_index()
        self._models: dict[str, BackedUpModel] = {}
        self._files: dict[str, StoredFile] = {}
        self._own_models = self._old.own_models if self._old else None
        self._report = BackupReport(place.directory)

    def add_models(self, names: Sequence[str]) -> None:
        """Bring what the store has."""
        self._require_space(names)
        for name in names:
            with self._report.attempt(name):
                self._add_model(name)
                self._report.models.append(name)

    def _add_model(self, name: str) -> None:
        each, watch = outgoing(self._store, name), self._watch(name)
        if fault := fault_of_model(each.model, each.manifest):
            raise BundleInvalid(path=self._place.directory, why=fault)
        for entry in each.model.files:
            self._bring(entry, read_blob(self._store, name, entry, watch), watch)
        if each.signature is not None and each.signature_entry is not None:
            self._bring(each.signature_entry, [each.signature], watch)
        self._models[name] = BackedUpModel(each.model, each.manifest, each.pin, each.signature_entry)

    def carry(self) -> None:
        """Keep the models of the backup that were not brought now, and mend them where the store still can."""
        for each in self._old.models if self._old else ():
            name = each.model.name
            if name in self._models:
                continue
            self._models[name] = each
            self._report.carried.append(name)
            if name not in self._report.refused:
                with self._report.attempt(name):
                    self._carry_model(each)

    def _carry_model(self, each: BackedUpModel) -> None:
        watch = self._watch(each.model.name)
        for entry in each.entries:
            if not self._carry_file(entry, watch):
                self._mend_carried(each.model.name, entry, watch)

    def _carry_file(self, entry: FileEntry, watch: Watch) -> bool:
        """Keep a file of the backup for whomever it is encrypted to; whether it is whole."""
        stored = self._old_file(entry)
        if entry.sha256 not in self._files:
            if stored is None or not self._place.is_whole(stored, watch):
                return False
            self._keep(entry, stored)
        return True

    def _mend_carried(self, name: str, entry: FileEntry, watch: Watch) -> None:
        try:
            self._bring(entry, read_blob(self._store, name, entry, watch), watch)
        except ModelDamaged as error:
            raise self._damaged(entry) from error

    def add_own_models(self, path: Path | None) -> None:
        """Bring the file with the operator's own models; one that is in the backup stays where there is none now."""
        content, watch = _content_of(path), self._watch(OWN_MODELS)
        with self._report.attempt(OWN_MODELS):
            if content:
                entry = FileEntry(OWN_MODELS, len(content), hashlib.sha256(content).hexdigest())
                self._bring(entry, [content], watch)
                self._own_models = entry
            elif self._own_models is not None and not self._carry_file(self._own_models, watch):
                raise self._damaged(self._own_models)

    def _damaged(self, entry: FileEntry) -> BundleInvalid:
        return BundleInvalid(
            path=self._place.directory, why=f"{entry.name} is damaged in it, and not in the store either"
        )

    def commit(self) -> BackupReport:
        """Make it the backup that counts, and clear away what only the one before needed."""
        needed = {entry.sha256 for each in self._models.values() for entry in each.entries}
        needed |= {self._own_models.sha256} if self._own_models else set()
        old = self._old.files if self._old else {}
        index = BackupIndex(
            format=FORMAT,
            tool=f"care-voice {care_voice.__version__}",
            created_at=utc_now(),
            models=tuple(self._models[name] for name in sorted(self._models)),
            files={digest: stored for digest, stored in sorted({**old, **self._files}.items()) if digest in needed},
            own_models=self._own_models,
        )
        self._place.write_index(index)
        self._report.removed_bytes = self._place.drop_unneeded(index)
        log.info("backed_up", path=str(self._place.directory), models=len(index.models), tool=index.tool)
        return self._report

    def _bring(self, entry: FileEntry, chunks: Iterable[bytes], watch: Watch) -> None:
        """Have a file in the backup: as it is there, if it is whole and for the same recipients, or written now."""
        if entry.sha256 in self._files:
            return
        stored = self._candidate(entry)
        was_there = stored is not None and (stored == self._old_file(entry) or self._place.path_of(stored).exists())
        if stored is not None and self._place.is_whole(stored, watch):
            self._keep(entry, stored)
            return
        written = self._write(entry, chunks, watch)
        self._files[entry.sha256] = written
        if was_there:
            self._report.repaired_bytes += written.size
        else:
            self._report.copied_bytes += written.size

    def _candidate(self, entry: FileEntry) -> StoredFile | None:
        """What may be of use of the backup: also what a run that was interrupted left there, unless it is encrypted."""
        old = self._old_file(entry)
        if old is not None and old.recipients == self._recipients:
            return old
        return None if self._recipients else StoredFile(entry.sha256, entry.size, ())

    def _old_file(self, entry: FileEntry) -> StoredFile | None:
        return self._old.files.get(entry.sha256) if self._old else None

    def _keep(self, entry: FileEntry, stored: StoredFile) -> None:
        self._files[entry.sha256] = stored
        self._report.kept_bytes += stored.size

    def _write(self, entry: FileEntry, chunks: Iterable[bytes], watch: Watch) -> StoredFile:
        with self._place.arriving() as arriving:
            with encrypting(arriving, self._keys) as sink:
                for chunk in chunks:
                    sink.write(chunk)
            stored = StoredFile(arriving.sha256, arriving.size, self._recipients)
            final = self._place.path_of(stored)
            arriving.keep(final, lambda done: watch.report("verifying", entry.name, done, stored.size))
        return stored

    def _require_space(self, names: Sequence[str]) -> None:
        entries = {entry for name in names for entry in _entries_of(self._store, name)}
        missing = [entry for entry in entries if not self._is_there(entry)]
        require_space(self._place.directory, sum(entry.size for entry in missing))

    def _is_there(self, entry: FileEntry) -> bool:
        stored = self._candidate(entry)
        return stored is not None and self._place.path_of(stored).exists()

    def _watch(self, name: str) -> Watch:
        return Watch(name, self._progress, self._cancel)


def _entries_of(store: ModelStore, name: str) -> Iterator[FileEntry]:
    if store.catalogue.knows(name):
        yield from store.catalogue.get(name).files


def _content_of(path: Path | None) -> bytes:
    """The file, or nothing where there is none."""
    try:
        return path.read_bytes() if path else b""
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise CatalogueInvalid(path=path, why=error.strerror) from error


def _refuse_store(store: ModelStore, target: Path) -> None:
    """A backup inside the store would go the way of the store."""
    directory, inside = target.resolve(), store.directory.resolve()
    if inside in (directory, *directory.parents):
        raise TargetUnwritable(path=target, why="it is the model store itself, or lies in it")
