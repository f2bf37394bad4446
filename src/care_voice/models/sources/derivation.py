"""A model made from another one that is in the store: the same parent and tool give the same bytes, so it can be made
again whenever it is missing or damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from care_voice.domain.model_errors import AllSourcesFailed, ConversionFailed, SourceUnavailable, UnknownCatalogueModel
from care_voice.models.catalogue import WEIGHTS, CatalogueModel, Derivation, Quantization
from care_voice.models.files import remove_entry
from care_voice.models.progress import Watch
from care_voice.models.sources.local import LocalFiles

log = structlog.get_logger(__name__)

Convert = Callable[[Path, Path, Quantization, Callable[[], bool]], None]
"""Reads the model in the first directory and writes the quantised one into the second, which it makes; the last
argument says whether to stop. Raises ConversionFailed."""


_RULE = 1
"""Counts the rules for which weights are quantised (docs/adr/0007): another rule gives other bytes."""
_GRAPHS = 2
"""Counts the versions of our own graph writer (docs/adr/0009)."""


def tool_of(to: Quantization) -> str:
    """The converter and its exact version, without importing it, and the rule by which it is used."""
    if to == "onnx-int8":
        return f"care-voice graphs {_GRAPHS}"
    from importlib.metadata import version  # noqa: PLC0415 - few starts need it

    return f"ctranslate2 {version('ctranslate2')}, rule {_RULE}"


@dataclass(frozen=True)
class DerivationSource:
    """Makes the model when its first file is asked for. `parent_view` pulls the parent and returns its view."""

    convert: Convert | None
    parent_view: Callable[[Derivation], Path]
    name: str = "derivation"

    def offers(self, model: CatalogueModel) -> bool:
        return model.derived is not None and self.convert is not None

    def scratch_bytes(self, model: CatalogueModel) -> int:
        return model.total_bytes

    @contextmanager
    def open(self, model: CatalogueModel, scratch: Path, watch: Watch) -> Iterator[LocalFiles]:
        made = scratch / "made"
        if _lacking(model, made):
            self._make(model, made, watch)
        yield LocalFiles(self.name, made)

    def _make(self, model: CatalogueModel, made: Path, watch: Watch) -> None:
        derived, incoming = model.derived, made.with_name("incoming")
        assert derived is not None
        view = self._parent_of(derived)
        if derived.tool != tool_of(derived.to):
            # Another version need not give other bytes: the digest decides.
            log.warning("tool_differs", model=model.name, made_with=derived.tool, installed=tool_of(derived.to))
        remove_entry(incoming)
        remove_entry(made)
        watch.report("converting", model.name)
        self._convert(model, view, incoming, watch)
        if lacking := _lacking(model, incoming):
            remove_entry(incoming)
            raise ConversionFailed(name=model.name, why=f"the converter did not write {lacking}")
        incoming.rename(made)

    def _convert(self, model: CatalogueModel, view: Path, incoming: Path, watch: Watch) -> None:
        assert model.derived is not None
        assert self.convert is not None
        try:
            self.convert(view, incoming, model.derived.to, lambda: watch.cancelled)
        except ConversionFailed:
            remove_entry(incoming)
            # One that stopped because it was told to has not failed.
            watch.check()
            raise
        watch.check()

    def _parent_of(self, derived: Derivation) -> Path:
        try:
            return self.parent_view(derived)
        except (AllSourcesFailed, UnknownCatalogueModel) as error:
            # Another source may still have what can no longer be made.
            raise SourceUnavailable(source=self.name, why=error.message.removesuffix(".")) from error


def _lacking(model: CatalogueModel, directory: Path) -> str | None:
    """The first file of a model that is not in a directory; for one that was never made, that of any model."""
    names = [entry.name for entry in model.files] or model.wanted or [WEIGHTS]
    return next((name for name in names if not (directory / name).is_file()), None)
