"""Checksums that a client sends along with bytes, so that what was damaged on the way is not kept."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Protocol

ALGORITHMS: Final = ("sha1", "sha256", "md5")


class Hash(Protocol):
    """A hash that is being computed."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request must hash to; `algorithm` is one of `ALGORITHMS`.

    It guards against damage, not against forgery: MD5 and SHA-1 are what clients have.
    """

    algorithm: str
    digest: bytes

    def begin(self) -> Hash:
        """A hash to feed the bytes to."""
        return hashlib.new(self.algorithm, usedforsecurity=False)

    def matches(self, computed: Hash) -> bool:
        """Whether the bytes fed to `computed` are the ones that were announced."""
        return hmac.compare_digest(self.digest, computed.digest())
