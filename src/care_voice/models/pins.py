"""Digests of models that the shipped catalogue does not know: recorded at the first pull, required from then on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from care_voice.models.catalogue import CatalogueModel
from care_voice.models.sealed import read_sealed


@dataclass(frozen=True)
class Pin:
    """What was recorded. `pinned_at` is in UTC, ISO 8601."""

    model: CatalogueModel
    pinned_at: str
    pinned_by: str
    tool: str


def read_pins(directory: Path) -> dict[str, Pin]:
    """The pins in a directory that can be read, by model; a damaged one is left out."""
    found = ((path.stem, read_sealed(path, Pin)) for path in sorted(directory.glob("*.json")))
    return {name: pin for name, pin in found if pin is not None and pin.model.name == name}


def with_pin(entry: CatalogueModel, pin: Pin | None) -> CatalogueModel:
    """An entry of the operator's, with the recorded files where they were recorded for this very origin."""
    if entry.files or pin is None or pin.model.origin != entry.origin:
        return entry
    return replace(entry, files=pin.model.files)
