"""Small JSON files that notice their own damage: a digest over everything else is one of their fields.

The seal is no signature: whoever can write the file can write the seal. It finds bits that rot, also those that leave
the JSON well-formed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")
_SEAL = "seal"


def encode_sealed(value: object) -> bytes:
    """The value as indented JSON with its seal."""
    body: dict[str, object] = msgspec.to_builtins(value)
    return msgspec.json.format(msgspec.json.encode({**body, _SEAL: _seal_of(body)}), indent=2) + b"\n"


def decode_sealed(raw: bytes, kind: type[T]) -> T | None:
    """The value, or None when the bytes are not what `encode_sealed` wrote."""
    try:
        body = msgspec.json.decode(raw, type=dict[str, object])
        if body.pop(_SEAL, None) != _seal_of(body):
            return None
        return msgspec.convert(body, kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def read_sealed(path: Path, kind: type[T]) -> T | None:
    """The value in a file, or None when there is none or it is damaged."""
    try:
        return decode_sealed(path.read_bytes(), kind)
    except OSError:
        return None


def _seal_of(body: dict[str, object]) -> str:
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()
