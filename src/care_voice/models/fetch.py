"""Get files from sources in order: what one cannot finish, the next goes on with at the byte where it stopped."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from care_voice.domain.model_errors import (
    AllSourcesFailed,
    ConversionFailed,
    DigestMismatch,
    DiskFull,
    FileNotOffered,
    ModelError,
    SourceUnavailable,
)
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.files import free_bytes, mapped_errors
from care_voice.models.partial import Partial, claimed_bytes
from care_voice.models.progress import Watch
from care_voice.models.rules import Interrupted, Wanted
from care_voice.models.sources.base import Session, Source
from care_voice.models.staging import Staging
from care_voice.models.transfer import Transfer, TransferSettings, retrying

log = structlog.get_logger(__name__)


class Fetch:
    """The wanted files of one model, each received, verified and published as a blob."""

    def __init__(
        self,
        model: CatalogueModel,
        wanted: Sequence[Wanted],
        place: Staging,
        watch: Watch,
        settings: TransferSettings,
    ) -> None:
        self._model = model
        self._wanted = list(wanted)
        self._place = place
        self._watch = watch
        self._settings = settings
        self._fetched: dict[str, str] = {}
        self._failures: list[str] = []
        self._contributors: dict[str, list[str]] = {}
        self.digests: dict[str, str] = {}
        """SHA-256 of the files that were fetched, by name."""

    def run(self, sources: Sequence[Source]) -> dict[str, str]:
        """Return the source of each fetched file, several joined by '+'.

        Raises AllSourcesFailed, DiskFull, StoreUnwritable, PullCancelled.
        """
        able = [source for source in sources if source.offers(self._model)]
        for each in self._wanted:
            # Who adds up the progress can know from the start how much there is to do.
            self._watch.report("resolving", each.name, 0, each.size)
        try:
            for number, source in enumerate(able):
                if self._wanted:
                    self._try_source(source, others=number + 1 < len(able))
        finally:
            self._place.tidy(self._wanted)
        if self._wanted:
            none = f"no source that is configured carries this model ({', '.join(s.name for s in sources) or 'none'})"
            raise AllSourcesFailed(name=self._model.name, why="; ".join(self._failures) or none)
        return self._fetched

    def _try_source(self, source: Source, *, others: bool) -> None:
        self._require_space(source)
        scratch = self._place.scratch(source.name)
        try:
            with mapped_errors(self._place.directory), source.open(self._model, scratch, self._watch) as session:
                for wanted in tuple(self._wanted):
                    self._try_file(source, session, wanted, others=others)
        except (SourceUnavailable, ConversionFailed) as error:
            self._note(error)

    def _try_file(self, source: Source, session: Session, wanted: Wanted, *, others: bool) -> None:
        try:
            self._receive(source.name, session, wanted, others=others)
        except FileNotOffered as error:
            self._note(error)
        except DigestMismatch as error:
            # What it left on disk beside the file is as little to be trusted as the file.
            self._place.clear_scratch(source.name)
            self._note(error)
        else:
            self._wanted.remove(wanted)

    def _receive(self, source: str, session: Session, wanted: Wanted, *, others: bool) -> None:
        self._watch.report("resolving", wanted.name, 0, wanted.size, source=source)
        with self._place.partial(wanted) as partial:
            mixed, before = partial.resumed, "+".join(self._contributors.get(wanted.name, ())) or "an earlier pull"
            self._fill(partial, source, session, wanted, others=others)
            try:
                self._seal(partial, source, wanted)
            except DigestMismatch:
                if not mixed:
                    raise
                # Somebody sent wrong bytes, but who? Only a file from one source alone tells.
                self._fill(partial, source, session, wanted, others=others)
                self._seal(partial, source, wanted)
                log.warning("wrong_bytes", file=wanted.name, source=before, right=source)

    def _fill(self, partial: Partial, source: str, session: Session, wanted: Wanted, *, others: bool) -> None:
        transfer = Transfer(
            wanted,
            partial,
            session,
            source=source,
            watch=self._watch,
            settings=self._settings,
            others=others,
        )
        try:
            transfer.run()
        except DigestMismatch:
            # A source that shows at once that it has another file spoils nothing of what came from others.
            if transfer.delivered:
                self._forget(partial, wanted)
            raise
        finally:
            contributors = self._contributors.setdefault(wanted.name, [])
            if transfer.delivered and partial.covered and source not in contributors:
                contributors.append(source)

    def _seal(self, partial: Partial, source: str, wanted: Wanted) -> None:
        try:
            self.digests[wanted.name] = self._place.seal(wanted, partial, source)
        except DigestMismatch:
            self._forget(partial, wanted)
            raise
        self._fetched[wanted.name] = "+".join(self._contributors[wanted.name]) or source

    def _forget(self, partial: Partial, wanted: Wanted) -> None:
        partial.start_over()
        self._contributors[wanted.name] = []

    def _note(self, error: ModelError) -> None:
        log.warning("source_failed", model=self._model.name, error=error.code, why=error.message)
        self._failures.append(error.message.removesuffix("."))

    def _require_space(self, source: Source) -> None:
        directory = self._place.directory
        wanted = sum(each.size - claimed_bytes(self._place.partial_path(each), each.size) for each in self._wanted)
        needed = wanted + source.scratch_bytes(self._model) + self._place.keep_free_bytes
        free = free_bytes(directory)
        if free < needed:
            raise DiskFull(path=directory, needed_bytes=needed, free_bytes=free)


def ask_size(session: Session, name: str, source: str, watch: Watch, settings: TransferSettings) -> int | None:
    """The size of a file, or None where it is not there. Raises SourceUnavailable, PullCancelled."""
    try:
        return retrying(settings, settings.attempts, watch.sleep)(session.size, name)
    except Interrupted as error:
        raise SourceUnavailable(source=source, why=f"{name}: {error.why}") from error
