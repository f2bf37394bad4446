"""The signature policy of a store: where signatures are kept, where they come from, and what is let through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from care_voice.domain.model_errors import SignatureProblem, SourceUnavailable
from care_voice.models.catalogue import CatalogueModel
from care_voice.models.files import mapped_errors, write_durably
from care_voice.models.progress import Watch
from care_voice.models.report import Verified
from care_voice.models.rules import Interrupted
from care_voice.models.signatures import SignatureSettings, SignatureVerifier, Signed
from care_voice.models.sources.base import Source
from care_voice.models.store import ModelStore

log = structlog.get_logger(__name__)


class SigningGate:
    """Lets models through as the policy says; with the policy `off` it does nothing at all."""

    def __init__(self, store: ModelStore, settings: SignatureSettings) -> None:
        """Raises SettingsInvalid when the policy asks for signatures and nobody is trusted."""
        self._store = store
        self._off = settings.policy == "off"
        self._verifier = SignatureVerifier(settings)

    def check(self, name: str, verified: Verified | None = None) -> Signed:
        """Check an installed model against the signature that is kept for it. Where it is `verified`, nothing of it is
        hashed again.

        Raises SignatureProblem and SettingsInvalid.
        """
        if self._off:
            return Signed("unchecked")
        known = verified.digests if verified is not None else None
        return self._verifier.check(name, self._store.view_path(name), self._store.signature_path(name), known)

    def check_or_fetch(self, model: CatalogueModel, sources: Sequence[Source], watch: Watch) -> Signed:
        """Check a model that was just pulled; a signature that is missing, damaged or expired is looked for in the
        sources first. Raises SignatureProblem, SettingsInvalid, PullCancelled."""
        if self._off:
            return Signed("unchecked")
        try:
            signed = self.check(model.name)
        except SignatureProblem:
            if self._fetch(model, sources, watch):
                return self.check(model.name)
            raise
        if signed.problem is not None and self._fetch(model, sources, watch):
            return self.check(model.name)
        return signed

    def _fetch(self, model: CatalogueModel, sources: Sequence[Source], watch: Watch) -> bool:
        """Keep the first signature of a source that is good; whether there was one."""
        return any(
            content is not None and self.keep_if_good(model.name, self._store.view_path(model.name), content)
            for content in (_ask(source, model, watch) for source in sources if source.offers(model))
        )

    def keep_if_good(self, name: str, view: Path, content: bytes) -> bool:
        """Keep a signature for a model if it vouches for the files of `view`; whether it does."""
        with mapped_errors(self._store.directory):
            self._store.signature_path(name).parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".incoming-", dir=self._store.signature_path(name).parent) as place:
                candidate = Path(place) / "candidate"
                candidate.write_bytes(content)
                try:
                    good = self._verifier.check(name, view, candidate).problem is None
                except SignatureProblem as problem:
                    log.warning("signature_refused", model=name, error=problem.code, why=problem.message)
                    good = False
                if good:
                    write_durably(self._store.signature_path(name), content, Path(place))
        return good


def _ask(source: Source, model: CatalogueModel, watch: Watch) -> bytes | None:
    """The signature that a source has; a source that fails has none."""
    watch.report("resolving", "model.sig", source=source.name)
    with TemporaryDirectory() as scratch:
        try:
            with source.open(model, Path(scratch), watch) as session:
                return session.signature()
        except (SourceUnavailable, Interrupted) as error:
            log.warning("signature_not_fetched", model=model.name, source=source.name, why=str(error))
            return None
