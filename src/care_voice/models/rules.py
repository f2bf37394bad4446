"""The safety rules: what bytes may pass, and what a stored file is worth. No I/O here.

A source can lie about anything. These rules look only at the bytes themselves and at what the catalogue pins.
"""

from __future__ import annotations

import hashlib
from typing import Literal

from care_voice.domain.errors import DigestMismatch, SourceUnavailable
from care_voice.models.catalogue import FileEntry

_PACKAGE_SLACK_BYTES = 64 * 1024 * 1024


class ExpectedBytes:
    """Takes a file's bytes as they arrive; passes no more than the pinned size, and in the end only the pinned digest.

    Once it has refused something it refuses everything: bytes after a bad chunk can never make the file good again.
    """

    def __init__(self, entry: FileEntry, source: str) -> None:
        self._entry = entry
        self._source = source
        self._hash = hashlib.sha256()
        self._received = 0
        self._refused = ""

    @property
    def received(self) -> int:
        """Bytes that have passed so far."""
        return self._received

    def feed(self, chunk: bytes) -> None:
        """Let the next chunk pass. Raises DigestMismatch as soon as there is more than the pinned size."""
        if self._refused:
            raise self._mismatch(self._refused)
        if self._received + len(chunk) > self._entry.size:
            raise self._mismatch(f"it is longer than {self._entry.size} bytes")
        self._hash.update(chunk)
        self._received += len(chunk)

    def finish(self) -> None:
        """Accept the file. Raises DigestMismatch when it is too short or its SHA-256 is another one."""
        if self._refused:
            raise self._mismatch(self._refused)
        if self._received < self._entry.size:
            raise self._mismatch(f"it ends after {self._received} of {self._entry.size} bytes")
        digest = self._hash.hexdigest()
        if digest != self._entry.sha256:
            raise self._mismatch(f"its SHA-256 is {digest}")

    def _mismatch(self, why: str) -> DigestMismatch:
        self._refused = why
        return DigestMismatch(file=self._entry.name, source=self._source, why=why)


class PackageBudget:
    """How large a package may get while it is downloaded: what it can hold of the model, and some slack.

    The package's own bytes are not pinned, so without this an index could fill the disk.
    """

    def __init__(self, model_bytes: int, source: str) -> None:
        self.limit_bytes = model_bytes + _PACKAGE_SLACK_BYTES
        self._source = source

    def check(self, package: str, size: int) -> None:
        """Raise SourceUnavailable when a package of `size` bytes cannot be what the catalogue means."""
        if size > self.limit_bytes:
            raise SourceUnavailable(source=self._source, why=f"{package} is larger than {self.limit_bytes} bytes")


ContentState = Literal["ok", "wrong_size", "wrong_digest"]


def judge(entry: FileEntry, size: int, sha256: str) -> ContentState:
    """Say what a stored file of `size` bytes with this SHA-256 is worth."""
    if size != entry.size:
        return "wrong_size"
    return "ok" if sha256 == entry.sha256 else "wrong_digest"
