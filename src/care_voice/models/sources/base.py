"""What a source is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from care_voice.models.catalogue import CatalogueModel, FileEntry
from care_voice.models.progress import Watch


class Sink(Protocol):
    """Takes a file's bytes in order, and refuses them by raising DigestMismatch."""

    def write(self, chunk: bytes) -> None: ...


class Session(Protocol):
    """One pull of one model from one source; what was downloaded for one file is kept for the next."""

    def fetch(self, entry: FileEntry, sink: Sink) -> None:
        """Write all bytes of the file into the sink.

        Raises FileNotOffered when this file is not there and SourceUnavailable when no file can be had any more; what
        the sink raises passes through.
        """


class Source(Protocol):
    """Somewhere to get model files from."""

    @property
    def name(self) -> str: ...

    def offers(self, model: CatalogueModel) -> bool:
        """Say, without asking anybody, whether this source can have the model."""

    def scratch_bytes(self, model: CatalogueModel) -> int:
        """Disk space in bytes that a session needs beside the files themselves."""

    def open(self, model: CatalogueModel, scratch: Path, watch: Watch) -> AbstractContextManager[Session]:
        """Begin a session. `scratch` is an empty directory of its own, removed afterwards."""
