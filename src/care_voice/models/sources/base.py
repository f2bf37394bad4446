"""What a source is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from care_voice.models.catalogue import CatalogueModel
from care_voice.models.intervals import Span
from care_voice.models.progress import Watch
from care_voice.models.rules import Wanted


def _do_nothing() -> None:
    """For sources that never make anybody wait."""


@dataclass(frozen=True)
class Body:
    """Bytes of a file on their way. `start` is the position of the first one; `whole` says that the source does not
    do ranges and sends everything from there to the end. `hang_up` wakes, from another thread, who waits for one."""

    start: int
    whole: bool
    chunks: Iterator[bytes]
    hang_up: Callable[[], None] = _do_nothing


class Session(Protocol):
    """One pull of one model from one source. Several threads may have bodies open at a time where `parallel` is true;
    what was downloaded for one file is kept for the next."""

    @property
    def parallel(self) -> bool: ...

    def body(self, wanted: Wanted, span: Span) -> AbstractContextManager[Body]:
        """Ask for a span of a file; the body may begin before it, never after.

        Raises FileNotOffered when this file is not there, SourceUnavailable when no file can be had any more,
        DigestMismatch when it is known not to be the pinned one, and Interrupted when asking again may help. So does
        reading the chunks.
        """

    def size(self, name: str) -> int | None:
        """The size of a file in bytes, for a model without pins; None when the file is not there.

        Raises SourceUnavailable and Interrupted.
        """

    def signature(self) -> bytes | None:
        """The model's detached signature (`model.sig`), where the source has one of at most 1 MiB.

        Raises SourceUnavailable and Interrupted.
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
        """Begin a session. `scratch` is a directory for it alone, kept until the model is whole: what a killed session
        finished there may be used again, once it is checked."""


@dataclass(frozen=True)
class HttpTimeouts:
    """In seconds; see ModelSettings for what each is for."""

    connect_s: float = 3.0
    answer_s: float = 10.0
    read_s: float = 30.0
    least_bytes_s: float = 1024.0


SIGNATURE_NAME = "model.sig"
SIGNATURE_LIMIT_BYTES = 1024 * 1024
