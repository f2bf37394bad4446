"""What is known about an installed model: reports of a full check, and the cheap proof that nothing changed since."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from care_voice.domain.model_errors import ModelDamaged

FileState = Literal["ok", "missing", "wrong_size", "wrong_digest", "unreadable", "view_broken", "unexpected"]
"""unreadable: the disk gave no bytes. view_broken: the blob is good, but not what engines would open.
unexpected: something in the view that the catalogue does not know, which an engine might pick up."""

PinState = Literal["ok", "damaged"]
"""damaged: the recorded digests of a model of the operator's own cannot be read, and those in its manifest count."""

ManifestState = Literal["ok", "missing", "differs"]
"""differs: it is not readable, or it describes other files than the catalogue pins."""

RefetchStates = frozenset({"missing", "wrong_size", "wrong_digest", "unreadable"})


@dataclass(frozen=True)
class FileIdentity:
    """What a file's stat says; a file that is replaced, resized or written to gets another one.

    `changed_ns` is the time of the last change of anything, a further link to it too. It does not count where two are
    compared: `models.belief` alone asks for it.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    changed_ns: int = field(default=0, compare=False)

    @classmethod
    def of(cls, stat: os.stat_result) -> FileIdentity:
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@dataclass(frozen=True)
class FileReport:
    """The state of one file; `identity` is that of the file in the view, taken before its bytes were hashed to
    `sha256`. Both are there for a file that is ok."""

    name: str
    state: FileState
    identity: FileIdentity | None = None
    sha256: str = ""


@dataclass(frozen=True)
class Verified:
    """A model whose files had exactly the pinned bytes when they were last hashed.

    Made by a report in which everything is ok, or from the record of one that is believed (`models.belief`).
    """

    name: str
    view: Path
    """The directory that an engine opens; it holds the model's files and nothing else."""
    identities: tuple[tuple[str, FileIdentity], ...]
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file."""
    recorded_at: str = ""
    """When they were hashed, where that is known from a record; empty where it was done just now."""


@dataclass(frozen=True)
class Report:
    """The outcome of hashing every file of a model."""

    name: str
    view: Path
    files: tuple[FileReport, ...]
    manifest: ManifestState
    pin: PinState = "ok"
    began_ns: int = 0
    """When the check began, in Unix nanoseconds."""

    @property
    def ok(self) -> bool:
        return self.manifest == self.pin == "ok" and all(file.state == "ok" for file in self.files)

    @property
    def healthy(self) -> frozenset[str]:
        """Names of the files that are right, both as blob and in the view."""
        return frozenset(file.name for file in self.files if file.state == "ok")

    @property
    def to_fetch(self) -> frozenset[str]:
        """Names of the files whose bytes have to be fetched; what is only wrongly linked is not among them."""
        return frozenset(file.name for file in self.files if file.state in RefetchStates)

    @property
    def why(self) -> str:
        """What is wrong, in one line; empty when nothing is."""
        faults = [f"{file.name} is {file.state}" for file in self.files if file.state != "ok"]
        if self.manifest != "ok":
            faults.append(f"the manifest {'is missing' if self.manifest == 'missing' else 'differs'}")
        if self.pin != "ok":
            faults.append("the record of its digests is damaged")
        return ", ".join(faults).replace("_", " ")

    def require(self) -> Verified:
        """Return the proof that everything is ok. Raises ModelDamaged."""
        identities = tuple((file.name, file.identity) for file in self.files if file.identity is not None)
        if not self.ok or len(identities) != len(self.files):
            raise ModelDamaged(name=self.name, why=self.why)
        return Verified(self.name, self.view, identities, {file.name: file.sha256 for file in self.files})
