"""The catalogue: which models there are, and the size and SHA-256 that every one of their files must have.

This is the only thing the model manager trusts. It ships inside the package; sources, mirrors and manifests on disk are
all checked against it. Models of the operator's own join it with the digests of their first pull (`pins`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib.resources import files as package_files
from typing import Annotated, Literal

import msgspec

from care_voice.domain.model_errors import UnknownCatalogueModel

SafeName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z", max_length=128)]
"""A name that can become one component of a path or one argument of a command, and nothing else."""
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
Revision = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{40})?\Z")]
"""A commit of a hub repository; empty for a model that comes from elsewhere."""
RepoName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*\Z")]

WEIGHTS = "model.bin"
_RUNTIME_BYTES = 160_000_000
_GRAPH_BUFFERS = 14
"""Graphs and buffers of the ten windows of 30 s that a worker takes, with five beams, as a multiple of the graphs: five
urgent ones beside five patient ones. Measured for base, of 81 MB: 1,287 MB (estimate 1,292 MB), 791 MB with five
windows."""


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


Precision = Literal["int8", "int8_float16", "float16", "float32"]
"""Arithmetic of weights, as CTranslate2 names it."""
Quantization = Literal["int8", "int8_float16", "float16", "float32", "onnx-int8"]
"""What a model can be derived to: the same format with other arithmetic, or int8 graphs for ONNX Runtime."""


@dataclass(frozen=True)
class Derivation:
    """How a model was made from another one: the same parent, target and tool give the same bytes."""

    parent: SafeName
    parent_digest: Sha256
    """`CatalogueModel.digest` of the parent."""
    to: Quantization
    tool: str
    """The converter with its exact version, for example `ctranslate2 4.8.5`."""


@dataclass(frozen=True)
class CatalogueModel:
    """A model that Care Voice knows by digest; without `files` it is the operator's own and was never pulled."""

    name: SafeName
    languages: Literal["multilingual", "english"]
    note: str
    licence: str
    format: str
    files: tuple[FileEntry, ...]
    hub_repo: RepoName | None = None
    revision: Revision = ""
    carriers: tuple[Carrier, ...] = ()
    urls: dict[SafeName, str] = field(default_factory=dict)
    """Where single files can be fetched, by their name in the view."""
    directory: str | None = None
    """A directory on this machine that holds the files."""
    wanted: tuple[SafeName, ...] = ()
    """The files to ask for at the first pull; empty for those that a converted Whisper model usually has."""
    derived: Derivation | None = None

    @property
    def digest(self) -> str:
        """One SHA-256 for the whole model: of the sorted lines `sha256  size  name` of its files."""
        lines = sorted(f"{entry.sha256}  {entry.size}  {entry.name}\n" for entry in self.files)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def origin(self) -> str:
        """Where the model is defined to come from: digests recorded for one origin say nothing about another."""
        if self.derived is not None:
            made = self.derived
            return f"derived:{made.parent}@{made.parent_digest}:{made.to}:{made.tool}"
        if self.hub_repo is not None:
            return f"hub:{self.hub_repo}@{self.revision}"
        if self.directory is not None:
            return f"directory:{self.directory}"
        if not self.urls:
            return "adopted"
        return "urls:" + " ".join(f"{name}={url}" for name, url in sorted(self.urls.items()))

    @property
    def graphs(self) -> bool:
        """Whether it consists of graphs for ONNX Runtime, and not of weights for CTranslate2."""
        return self.derived is not None and self.derived.to == "onnx-int8"

    @property
    def total_bytes(self) -> int:
        """Size of all files together, in bytes."""
        return sum(entry.size for entry in self.files)

    @property
    def weights(self) -> int:
        """About how many numbers the model consists of; 0 while the files are not known.

        Models are stored as float16 unless they were derived to something else.
        """
        size = next((entry.size for entry in self.files if entry.name == WEIGHTS), self.total_bytes)
        to = self.derived.to if self.derived is not None else "float16"
        return size if "int8" in to else size // (4 if to == "float32" else 2)

    @property
    def memory_bytes(self) -> int:
        """Estimated peak memory of a process that loads the model as int8 on a CPU, in bytes.

        Loading float16 weights is the peak: they and their int8 copy, half as large, are in memory at once; weights
        that are stored as int8 are loaded as they are. The rest is the interpreter with its libraries and the buffers
        for one 30 s window. Measured peaks are 334 MB for base (estimate 378 MB) and 261 MB for tiny.en (estimate
        273 MB). 0 while the files are not known.
        """
        if not self.files:
            return 0
        if self.graphs:
            return memory_of_graphs(self.total_bytes)
        weights = next((entry.size for entry in self.files if entry.name == WEIGHTS), self.total_bytes)
        stored_as_int8 = self.derived is not None and "int8" in self.derived.to
        return (weights if stored_as_int8 else weights * 3 // 2) + _RUNTIME_BYTES


def memory_of_graphs(size: int) -> int:
    """Estimated peak memory of a process that runs graphs of so many bytes with all the windows that it takes."""
    return size * _GRAPH_BUFFERS + _RUNTIME_BYTES


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

    def knows(self, name: str) -> bool:
        """Whether there is a model called `name`."""
        return any(model.name == name for model in self.models)
