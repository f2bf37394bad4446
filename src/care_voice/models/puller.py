"""Pull and repair: fetch what is missing or damaged, from the first source that has the right bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from care_voice.domain.errors import AllSourcesFailed, DigestMismatch, DiskFull, FileNotOffered, SourceUnavailable
from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.files import free_bytes
from care_voice.models.progress import CancelToken, ProgressCallback, Watch
from care_voice.models.report import Report, Verified
from care_voice.models.sources.base import Session, Source
from care_voice.models.staging import Staging, staging
from care_voice.models.store import ModelStore

log = structlog.get_logger(__name__)

_ROUNDS = 2
_RESERVE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Pulled:
    """A verified model, and which of its files had to be fetched for that, with the source of each."""

    verified: Verified
    fetched: dict[str, str]

    @property
    def view(self) -> Path:
        """The directory that an engine opens."""
        return self.verified.view


class Puller:
    """Brings a model into the store. Blocking; safe to use from several threads and processes at a time."""

    def __init__(self, store: ModelStore, sources: Sequence[Source]) -> None:
        self.store = store
        self._sources = tuple(sources)

    def pull(self, name: str, progress: ProgressCallback | None = None, cancel: CancelToken | None = None) -> Pulled:
        """Make the model whole and return the proof; on a healthy store that is one full hash and no write.

        Raises UnknownCatalogueModel, AllSourcesFailed, DiskFull, StoreUnwritable, PullCancelled, and ModelDamaged when
        the store does not keep what was written to it.
        """
        model = self.store.catalogue.get(name)
        watch = Watch(name, progress, cancel)
        report = self.store.inspect(model, watch)
        if report.ok:
            return Pulled(report.require(), {})
        return self._mend(model, watch)

    def _mend(self, model: CatalogueModel, watch: Watch) -> Pulled:
        """Repair under the model's lock. The second round is for a blob that a concurrent `remove` took away."""
        fetched: dict[str, str] = {}
        with staging(self.store, model, watch) as place:
            report = self.store.inspect(model, watch)
            for _ in range(_ROUNDS):
                if report.ok:
                    break
                log.info("model_mending", model=model.name, why=report.why)
                fetched |= self._mend_once(model, report, place, watch)
                report = self.store.inspect(model, watch)
        return Pulled(report.require(), fetched)

    def _mend_once(self, model: CatalogueModel, report: Report, place: Staging, watch: Watch) -> dict[str, str]:
        wanted = [entry for entry in model.files if entry.name in report.to_fetch]
        fetched = _Fetch(model, wanted, place, watch).run(self._sources)
        watch.report("publishing")
        place.publish(fetched, report.healthy)
        return fetched


class _Fetch:
    """Gets the wanted files from the sources in order; what one cannot deliver is asked of the next."""

    def __init__(self, model: CatalogueModel, wanted: list[FileEntry], place: Staging, watch: Watch) -> None:
        self._model = model
        self._wanted = wanted
        self._place = place
        self._watch = watch
        self._fetched: dict[str, str] = {}
        self._failures: list[str] = []

    def run(self, sources: Sequence[Source]) -> dict[str, str]:
        """Return the source of each fetched file. Raises AllSourcesFailed, DiskFull, StoreUnwritable, PullCancelled."""
        for source in sources:
            if self._wanted:
                self._try_source(source)
        if self._wanted:
            raise AllSourcesFailed(name=self._model.name, why="; ".join(self._failures) or "there are none")
        return self._fetched

    def _try_source(self, source: Source) -> None:
        if not source.offers(self._model):
            self._failures.append(f"The source {source.name} does not carry this model")
            return
        self._require_space(source)
        try:
            with self._place.scratch() as scratch, source.open(self._model, scratch, self._watch) as session:
                for entry in tuple(self._wanted):
                    self._try_file(source, session, entry)
        except SourceUnavailable as error:
            self._note(error)

    def _try_file(self, source: Source, session: Session, entry: FileEntry) -> None:
        try:
            self._place.receive(entry, source.name, lambda sink: session.fetch(entry, sink))
        except (DigestMismatch, FileNotOffered) as error:
            self._note(error)
            return
        self._wanted.remove(entry)
        self._fetched[entry.name] = source.name

    def _note(self, error: DigestMismatch | FileNotOffered | SourceUnavailable) -> None:
        log.warning("source_failed", model=self._model.name, error=error.code, why=error.message)
        self._failures.append(error.message.removesuffix("."))

    def _require_space(self, source: Source) -> None:
        directory = self._place.directory
        wanted = sum(entry.size for entry in self._wanted)
        needed, free = wanted + source.scratch_bytes(self._model) + _RESERVE_BYTES, free_bytes(directory)
        if free < needed:
            raise DiskFull(path=directory, needed_bytes=needed, free_bytes=free)
