"""What a model store writes down about a pulled model. It is a record for people and for clean-up, never a proof."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from care_voice.models.catalogue import CatalogueModel, Derivation, FileEntry, Revision, SafeName, Sha256
from care_voice.models.pins import Pin
from care_voice.models.sealed import encode_sealed, read_sealed

ALREADY_STORED = "store"
"""The source of a file whose verified bytes were in the store before, for example shared with another model."""


@dataclass(frozen=True)
class ManifestFile:
    """One file: size in bytes, digest, and the source that its bytes came from."""

    name: SafeName
    size: int
    sha256: Sha256
    source: str

    @property
    def entry(self) -> FileEntry:
        return FileEntry(self.name, self.size, self.sha256)


@dataclass(frozen=True)
class Manifest:
    """One installed model. `pulled_at` is in UTC, ISO 8601; `tool` is the version of Care Voice that wrote it;
    `pulled_by` is the account that did it."""

    name: SafeName
    revision: Revision
    licence: str
    format: str
    files: tuple[ManifestFile, ...]
    pulled_at: str
    tool: str
    pulled_by: str = ""
    derived: Derivation | None = None
    hub_repo: str | None = None
    pin: Pin | None = None
    """A copy of the model's pin, from which a damaged one is written again."""

    @property
    def total_bytes(self) -> int:
        """Size of all files together, in bytes."""
        return sum(file.size for file in self.files)

    @property
    def source(self) -> str:
        """The sources that the files came from, joined by '+'."""
        return "+".join(sorted({file.source for file in self.files}))

    def describes(self, model: CatalogueModel) -> bool:
        """Whether this is a record of exactly the files that the catalogue pins."""
        mine = {file.entry for file in self.files}
        return self.name == model.name and self.revision == model.revision and mine == set(model.files)

    def encode(self) -> bytes:
        return encode_sealed(self)


def read_pin_copy(path: Path) -> Pin | None:
    """The pin in the manifest at `path`, where that describes the same files."""
    manifest = read_manifest(path)
    pin = manifest.pin if manifest is not None else None
    return pin if pin is not None and manifest is not None and manifest.describes(pin.model) else None


def read_manifest(path: Path) -> Manifest | None:
    """Return the manifest at `path`, or None when there is none, or it is damaged or not one."""
    return read_sealed(path, Manifest)
