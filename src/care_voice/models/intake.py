"""Take a model into the store from bytes at hand, a bundle or a backup: the same way in as a pull's, and as strict.

Nothing is believed: what the shipped catalogue or a pin of this store knows must be the same here, every byte is
verified before it has a final name, and the signature policy is asked before the model is published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

import care_voice
from care_voice.domain.model_errors import DigestMismatch, DiskFull, ModelError, PinConflict
from care_voice.models.account import account
from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.files import free_bytes, link_or_copy, mapped_errors, remove_entry
from care_voice.models.manifest import Manifest
from care_voice.models.outcome import Outcome
from care_voice.models.partial import Partial, discard_partial
from care_voice.models.pins import Pin
from care_voice.models.progress import Watch
from care_voice.models.rules import admit, mismatch
from care_voice.models.sealed import encode_sealed
from care_voice.models.staging import Staging, staging
from care_voice.models.store import ModelStore
from care_voice.models.streams import Sink
from care_voice.models.times import utc_now

log = structlog.get_logger(__name__)


Accept = Callable[[str, Path, bytes | None], bool]
"""Gets the name of a model, a directory with its verified files and nothing else, and its signature where it has one.
Called before the model is published. Says whether the signature is worth keeping; raises a ModelError to refuse it."""

Bring = Callable[[FileEntry, Sink], None]
"""Writes the content of a file, whole, into a sink. Raises a ModelError when it cannot."""


@dataclass(frozen=True)
class Offer:
    """What a bundle or a backup says about a model. `pin` and `as_it_was` are for a restore: it keeps the records."""

    model: CatalogueModel
    manifest: Manifest
    signature: bytes | None
    pin: Pin | None = None
    as_it_was: bool = False
    order: Mapping[str, int] = field(default_factory=dict)
    """By digest: the order in which files can be had, where there is only one."""


@dataclass
class Taken(Outcome):
    """What became of the models of a bundle or a backup. Each is whole in the store, or as it was before."""

    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    """They were whole here already, and nothing was written for them."""

    @property
    def whole(self) -> tuple[str, ...]:
        return tuple(sorted((*self.written, *self.kept)))

    def note(self, name: str, *, wrote: bool) -> None:
        """Take down that a model is whole."""
        (self.written if wrote else self.kept).append(name)


def nothing() -> None:
    """Do nothing."""


class Intake:
    """The way in for the models of one bundle or backup. `source` is what messages and manifests call it."""

    def __init__(self, store: ModelStore, source: str, accept: Accept | None = None) -> None:
        self._store = store
        self._source = source
        self._accept = accept

    def take(self, offer: Offer, bring: Bring, watch: Watch, before: Callable[[], None] = nothing) -> bool:
        """Make a model whole; whether anything had to be written for that. `before` is called before it is published.

        Raises DigestMismatch, PinConflict, DiskFull, StoreUnwritable, PullCancelled, ModelDamaged when the store does
        not keep what was written to it, and what `bring`, `before` and the signature policy raise. Unless it returns,
        the model is as it was.
        """
        model = admitted(self._store, offer.model)
        if self._is_here(model, offer, watch):
            before()
            return False
        with staging(self._store, model.name, watch) as place:
            # Asked again under the lock: another process may have brought the same name meanwhile.
            model = admitted(self._store, offer.model)
            report = self._store.inspect(model, watch)
            files = sorted(model.files, key=lambda entry: offer.order.get(entry.sha256, 0))
            wanted = {entry.sha256: entry for entry in files if entry.name in report.to_fetch}
            with self._undone_on_failure(wanted):
                self._bring_files(wanted, place, bring, watch)
                before()
                signature = self._judged_signature(model, offer, place)
                self._write_records(model, offer, signature, place)
                place.publish(model, self._sources(model, offer, wanted), report.healthy, account())
            place.clear()
        after = self._store.inspect(model, watch)
        after.require()
        self._store.note(after)
        log.info("model_taken_in", model=model.name, source=self._source, files=len(wanted))
        return True

    def _is_here(self, model: CatalogueModel, offer: Offer, watch: Watch) -> bool:
        same_signature = offer.signature in (None, self._signature_of(model.name))
        return same_signature and not self._needs_pin(model) and self._store.inspect(model, watch).ok

    def _bring_files(self, wanted: Mapping[str, FileEntry], place: Staging, bring: Bring, watch: Watch) -> None:
        for entry in wanted.values():
            # What an interrupted pull left is brought anew: that costs less than finding out what it is worth.
            discard_partial(place.partial_path(entry))
        needed = sum(entry.size for entry in wanted.values()) + self._store.keep_free_bytes
        if wanted and (free := free_bytes(place.directory)) < needed:
            raise DiskFull(path=self._store.directory, needed_bytes=needed, free_bytes=free)
        for entry in wanted.values():
            with self._incoming(entry, place, watch) as inflow:
                bring(entry, inflow)

    def _sources(self, model: CatalogueModel, offer: Offer, wanted: Mapping[str, FileEntry]) -> dict[str, str]:
        """What a new manifest says; without any the one that was restored is kept."""
        if self._keeps_manifest(model, offer):
            return {}
        return {entry.name: self._source for entry in model.files if entry.sha256 in wanted}

    def _keeps_manifest(self, model: CatalogueModel, offer: Offer) -> bool:
        return offer.as_it_was and offer.manifest.describes(model)

    @contextmanager
    def _undone_on_failure(self, wanted: Mapping[str, FileEntry]) -> Iterator[None]:
        """Take the blobs away again that came for a model which is not published after all."""
        try:
            yield
        except BaseException:
            with suppress(OSError, ModelError), self._store.ownership_lock():
                self._store.drop_unneeded(wanted)
            raise

    @contextmanager
    def _incoming(self, entry: FileEntry, place: Staging, watch: Watch) -> Iterator[Sink]:
        """Yield a sink for a file, and publish the blob at the end of the block. Nothing of another file stays."""
        try:
            with place.partial(entry) as partial:
                inflow = _Inflow(partial, entry, self._source, watch)
                yield inflow
                inflow.require_whole()
                place.seal(entry, partial, self._source)
        except BaseException:
            with suppress(OSError):
                discard_partial(place.partial_path(entry))
            raise

    def _judged_signature(self, model: CatalogueModel, offer: Offer, place: Staging) -> bytes | None:
        """Ask the signature policy about exactly the files that would be published; a new signature worth keeping."""
        old = self._signature_of(model.name)
        worth_keeping = self._accept is None or self._accepted(self._accept, model, offer.signature or old, place)
        return offer.signature if worth_keeping and offer.signature != old else None

    def _accepted(self, accept: Accept, model: CatalogueModel, signature: bytes | None, place: Staging) -> bool:
        view = place.directory / "view"
        try:
            with mapped_errors(self._store.directory):
                remove_entry(view)
                view.mkdir()
                for entry in model.files:
                    link_or_copy(self._store.blob_path(entry.sha256), view / entry.name, place.directory)
            return accept(model.name, view, signature)
        finally:
            remove_entry(view)

    def _write_records(self, model: CatalogueModel, offer: Offer, signature: bytes | None, place: Staging) -> None:
        """Before the model is published, so that it is never there without the signature that it may need."""
        store, name = self._store, model.name
        with mapped_errors(store.directory), store.ownership_lock():
            if self._needs_pin(model):
                place.write(store.pin_path(name), encode_sealed(self._pin(model, offer)))
            if signature is not None:
                place.write(store.signature_path(name), signature)
            if self._keeps_manifest(model, offer):
                place.write(store.manifest_path(name), replace(offer.manifest, pin=store.mend_pin(name)).encode())

    def _needs_pin(self, model: CatalogueModel) -> bool:
        catalogue = self._store.catalogue
        return not catalogue.knows(model.name) or not catalogue.get(model.name).files

    def _pin(self, model: CatalogueModel, offer: Offer) -> Pin:
        if offer.pin is not None and offer.pin.model == model:
            return offer.pin
        if not self._store.catalogue.knows(model.name):
            # Addresses that a stranger's file names would be asked at every repair.
            model = replace(model, urls={}, directory=None, carriers=())
        return Pin(model, utc_now(), f"{account()}, from a {self._source}", f"care-voice {care_voice.__version__}")

    def _signature_of(self, name: str) -> bytes | None:
        try:
            return self._store.signature_path(name).read_bytes()
        except OSError:
            return None


def admitted(store: ModelStore, offered: CatalogueModel) -> CatalogueModel:
    """The definition of a model that counts here: what this store knows by that name, or else what is offered.

    Raises DigestMismatch for other files than the shipped catalogue pins, and PinConflict for other files, or another
    origin, than what was recorded here.
    """
    if not store.catalogue.knows(offered.name):
        return offered
    known = store.catalogue.get(offered.name)
    if not known.files and known.origin == offered.origin:
        return replace(known, files=offered.files)
    if set(known.files) == set(offered.files):
        return known
    if store.shipped.knows(offered.name):
        other = min({*offered.files} ^ {*known.files}, key=lambda entry: entry.name)
        raise DigestMismatch(file=other.name, source=f"{offered.name} as offered", why="its size or digest differs")
    why = f"digest {known.digest} here, {offered.digest} there" if known.files else f"it comes from {known.origin} here"
    raise PinConflict(name=offered.name, why=why)


class _Inflow:
    """Writes the content of a file into its partial, and not a byte more than its pinned size."""

    def __init__(self, partial: Partial, entry: FileEntry, source: str, watch: Watch) -> None:
        self._partial = partial
        self._entry = entry
        self._source = source
        self._watch = watch
        self._done = 0

    def write(self, chunk: bytes, /) -> int:
        entry = self._entry
        admit(entry, self._source, (0, entry.size), self._done, len(chunk))
        self._partial.write(self._done, chunk)
        self._done += len(chunk)
        self._watch.report("copying", entry.name, self._done, entry.size, source=self._source)
        return len(chunk)

    def flush(self) -> None:
        """Nothing waits here."""

    def require_whole(self) -> None:
        """Raise DigestMismatch unless everything came."""
        if self._done != self._entry.size:
            why = f"it ends after {self._done} of {self._entry.size} bytes"
            raise mismatch(self._entry, self._source, why)
