"""Pull and repair: fetch what is missing or damaged, from the sources in order, until the bytes are the pinned ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import structlog

from care_voice.domain.model_errors import ModelNameTaken, SourceUnavailable
from care_voice.models.account import account
from care_voice.models.catalogue import CatalogueModel, Derivation, Quantization
from care_voice.models.fetch import Fetch
from care_voice.models.first_pull import record_digests
from care_voice.models.progress import CancelToken, ProgressCallback, Watch
from care_voice.models.report import Report, Verified
from care_voice.models.signatures import SignatureSettings
from care_voice.models.signing_gate import SigningGate
from care_voice.models.sources.base import Source
from care_voice.models.sources.derivation import Convert, DerivationSource, tool_of
from care_voice.models.sources.local import FolderSource
from care_voice.models.staging import Staging, staging
from care_voice.models.store import ModelStore
from care_voice.models.transfer import TransferSettings

log = structlog.get_logger(__name__)

_ROUNDS = 2


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

    def __init__(
        self,
        store: ModelStore,
        sources: Sequence[Source],
        transfer: TransferSettings | None = None,
        *,
        signatures: SignatureSettings | None = None,
        convert: Convert | None = None,
    ) -> None:
        self.store = store
        self.gate = SigningGate(store, signatures or SignatureSettings())
        self._sources = tuple(sources)
        self._transfer = transfer or TransferSettings()
        self._convert = convert

    def pull(self, name: str, progress: ProgressCallback | None = None, cancel: CancelToken | None = None) -> Pulled:
        """Make the model whole and return the proof; on a healthy store that is one full hash.

        A name such as `base-int8` is derived from its parent where there is no such model yet. Raises
        UnknownCatalogueModel, AllSourcesFailed, DiskFull, StoreUnwritable, PullCancelled, ModelDamaged when the store
        does not keep what was written to it, and SignatureProblem when the policy asks for a signature that is not
        there: the model stays in the store then, to be signed.
        """
        model, watch = self.entry(name), Watch(name, progress, cancel)
        pulled = self._pull(model, watch)
        self.gate.check_or_fetch(model, self._sources, watch)
        return pulled

    def entry(self, name: str) -> CatalogueModel:
        """The entry of a model; without `files` for one that is still to be derived. Raises UnknownCatalogueModel.

        Graphs that another version of this program wrote count as still to be derived: this one cannot run them.
        """
        catalogue = self.store.catalogue
        if not catalogue.knows(name) or _written_by_another(catalogue.get(name)):
            for to in get_args(Quantization):
                parent = name.removesuffix(f"-{to}")
                if parent != name and catalogue.knows(parent) and catalogue.get(parent).files:
                    return derived_model(catalogue.get(parent), name, to)
        return catalogue.get(name)

    def derive(
        self,
        parent: str,
        to: Quantization,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Pulled:
        """Make a quantised copy of a model, as a model of its own called `<parent>-<to>`; the parent is pulled first.

        One that was made from another version of the parent is made again. Raises ModelNameTaken and what `pull`
        raises.
        """
        name = f"{parent}-{to}"
        if self._is_made(name, self.store.catalogue.get(parent)):
            return self.pull(name, progress, cancel)
        watch = Watch(name, progress, cancel)
        self._pull(self.store.catalogue.get(parent), watch)
        return self._pull(derived_model(self.store.catalogue.get(parent), name, to), watch)

    def _is_made(self, name: str, parent: CatalogueModel) -> bool:
        if not self.store.catalogue.knows(name):
            return False
        derived = self.store.catalogue.get(name).derived
        if derived is None:
            raise ModelNameTaken(name=name)
        return derived.parent_digest == parent.digest and not _written_by_another(self.store.catalogue.get(name))

    def adopt(
        self,
        model: CatalogueModel,
        directory: Path,
        progress: ProgressCallback | None = None,
        cancel: CancelToken | None = None,
    ) -> Pulled:
        """Take the files of a directory as the model `model`, whose `files` are still to be recorded.

        The directory is not needed afterwards. Raises ModelNameTaken and what `pull` raises.
        """
        if self.store.catalogue.knows(model.name):
            raise ModelNameTaken(name=model.name)
        watch = Watch(model.name, progress, cancel)
        source = FolderSource(directory)
        with staging(self.store, model.name, watch) as place:
            if self.store.catalogue.knows(model.name):
                raise ModelNameTaken(name=model.name)
            pinned, fetched = record_digests(model, [source], place, self.store, watch, self._transfer)
            pulled = self._mend(pinned, place, watch)
            place.clear()
        return Pulled(pulled.verified, fetched)

    def _pull(self, model: CatalogueModel, watch: Watch) -> Pulled:
        if model.files:
            report = self.store.inspect(model, watch)
            if report.ok:
                self.store.note(report)
                return Pulled(report.require(), {})
        with staging(self.store, model.name, watch) as place:
            pulled = self._mend(self._as_recorded(model), place, watch)
            place.clear()
        return pulled

    def _as_recorded(self, model: CatalogueModel) -> CatalogueModel:
        """The model with the digests that another process may have recorded while this one waited for the lock."""
        catalogue = self.store.catalogue
        known = catalogue.get(model.name) if catalogue.knows(model.name) else model
        return known if known.origin == model.origin else model

    def _mend(self, model: CatalogueModel, place: Staging, watch: Watch) -> Pulled:
        """Repair under the model's lock. The second round is for a blob that a concurrent `remove` took away."""
        sources, fetched = self._sources_for(model, watch), dict[str, str]()
        if not model.files:
            model, fetched = record_digests(model, sources, place, self.store, watch, self._transfer)
        report = self.store.inspect(model, watch)
        for _ in range(_ROUNDS):
            if report.ok:
                break
            log.info("model_mending", model=model.name, why=report.why)
            fetched |= self._mend_once(model, report, place, watch, sources)
            report = self.store.inspect(model, watch)
        verified = report.require()
        self.store.note(report)
        return Pulled(verified, fetched)

    def _mend_once(
        self, model: CatalogueModel, report: Report, place: Staging, watch: Watch, sources: Sequence[Source]
    ) -> dict[str, str]:
        wanted = [entry for entry in model.files if entry.name in report.to_fetch]
        fetched = Fetch(model, wanted, place, watch, self._transfer).run(sources)
        watch.report("publishing")
        place.publish(model, fetched, report.healthy, account())
        return fetched

    def _sources_for(self, model: CatalogueModel, watch: Watch) -> tuple[Source, ...]:
        if model.derived is None:
            return self._sources
        # Making it again is exact and needs no network; a mirror or a bundle may have it all the same.
        made = DerivationSource(self._convert, lambda derivation: self._parent_view(derivation, watch))
        return (made, *self._sources)

    def _parent_view(self, derivation: Derivation, watch: Watch) -> Path:
        parent = self.store.catalogue.get(derivation.parent)
        if parent.digest != derivation.parent_digest:
            raise SourceUnavailable(source="derivation", why=f"{parent.name} is not the version that it was made from")
        return self._pull(parent, watch).view


GRAPH_FILES = ("decoder.bin", "decoder.onnx", "encoder.bin", "encoder.onnx", "onnx.json", "tokenizer.json")
_MEL_FILE = "preprocessor_config.json"


def _written_by_another(model: CatalogueModel) -> bool:
    made = model.derived
    return made is not None and model.graphs and made.tool != tool_of(made.to)


def derived_model(parent: CatalogueModel, name: str, to: Quantization) -> CatalogueModel:
    """The entry of a model that is still to be made from `parent`, with the converter that is installed."""
    graphs = to == "onnx-int8"
    mel = (_MEL_FILE,) if any(entry.name == _MEL_FILE for entry in parent.files) else ()
    return replace(
        parent,
        name=name,
        note=f"Made from {parent.name}: {'int8 graphs for ONNX Runtime' if graphs else f'{to} weights'}.",
        format="ONNX int8" if graphs else f"CTranslate2 {to}",
        wanted=(*GRAPH_FILES, *mel) if graphs else (),
        files=(),
        hub_repo=None,
        revision="",
        carriers=(),
        urls={},
        directory=None,
        derived=Derivation(parent.name, parent.digest, to, tool_of(to)),
    )
