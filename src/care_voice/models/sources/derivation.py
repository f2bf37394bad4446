"""A model made from another one that is in the store: the same parent and tool give the same bytes, so it can be made
again whenever it is missing or damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import structlog

from care_voice.models.catalogue import CatalogueModel, Derivation, Quantization
from care_voice.models.files import remove_entry
from care_voice.models.progress import Watch
from care_voice.models.sources.local import LocalFiles

log = structlog.get_logger(__name__)

Convert = Callable[[Path, Path, Quantization, Callable[[], bool]], None]
"""Reads the model in the first directory and writes the quantised one into the second, which it makes; the last
argument says whether to stop. Raises ConversionFailed."""


_RULE = 1
"""Counts the rules for which weights are quantised (docs/adr/0007): another rule gives other bytes."""


def tool_of() -> str:
    """The converter and its exact version, without importing it, and the rule by which it is used."""
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
        if not made.is_dir():
            self._make(model, made, watch)
        yield LocalFiles(self.name, made)

    def _make(self, model: CatalogueModel, made: Path, watch: Watch) -> None:
        derived, incoming = model.derived, made.with_name("incoming")
        assert derived is not None
        assert self.convert is not None
        view = self.parent_view(derived)
        if derived.tool != tool_of():
            # Another version need not give other bytes: the digest decides.
            log.warning("tool_differs", model=model.name, made_with=derived.tool, installed=tool_of())
        remove_entry(incoming)
        watch.report("converting", model.name)
        self.convert(view, incoming, derived.to, lambda: watch.cancelled)
        watch.check()
        incoming.rename(made)
