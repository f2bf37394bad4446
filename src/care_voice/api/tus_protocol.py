"""tus 1.0.0 on the wire: what its headers say. Pure; https://tus.io/protocols/resumable-upload

Every complaint names the header at fault as its parameter.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

from care_voice.domain.checksums import ALGORITHMS, Checksum
from care_voice.domain.errors import InvalidParameter, MissingParameter
from care_voice.domain.store_errors import UnsupportedContentType, UnsupportedTusVersion

VERSION: Final = "1.0.0"
EXTENSIONS: Final = (
    "creation", "creation-with-upload", "creation-defer-length", "checksum", "expiration", "termination",
)  # fmt: skip
CONTENT_TYPE: Final = "application/offset+octet-stream"

_NUMBER = re.compile(r"[0-9]{1,18}")
"""Eighteen digits fit the database's integers, and no disk."""
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")
_OVERRIDABLE = frozenset({"PATCH", "DELETE", "HEAD", "POST", "OPTIONS", "GET"})


@dataclass(frozen=True, slots=True)
class Creation:
    """What a request says of the upload it creates; `length` None: it comes later, as a live recording's does."""

    length: int | None
    metadata: Mapping[str, str]


def require_version(headers: Mapping[str, str]) -> None:
    """Raises UnsupportedTusVersion where the client speaks another version, or does not say."""
    spoken = headers.get("tus-resumable", "")
    if spoken != VERSION:
        raise UnsupportedTusVersion(spoken=spoken[:20] or "none", version=VERSION)


def effective_method(method: str, headers: Mapping[str, str]) -> str:
    """The method that is meant: some clients can send no PATCH, and name it in X-HTTP-Method-Override.

    Raises:
        InvalidParameter: There is no such method.
    """
    override = headers.get("x-http-method-override")
    if override is None:
        return method
    if override.upper() not in _OVERRIDABLE:
        raise InvalidParameter(param="X-HTTP-Method-Override", why=f"'{override[:20]}' is no method of this protocol")
    return override.upper()


def require_bytes(headers: Mapping[str, str]) -> None:
    """Raises UnsupportedContentType where the body is not announced as bytes to append."""
    if not is_bytes(headers):
        raise UnsupportedContentType(expected=CONTENT_TYPE)


def is_bytes(headers: Mapping[str, str]) -> bool:
    """Whether the body is announced as bytes to append."""
    return headers.get("content-type", "").split(";")[0].strip().lower() == CONTENT_TYPE


def read_offset(headers: Mapping[str, str]) -> int:
    """Where the bytes of a PATCH belong.

    Raises:
        MissingParameter, InvalidParameter: Upload-Offset.
    """
    offset = _number(headers, "Upload-Offset")
    if offset is None:
        raise MissingParameter(param="Upload-Offset")
    return offset


def read_length(headers: Mapping[str, str]) -> int | None:
    """The length that a PATCH declares for an upload that was created without one; None where it declares none.

    Raises:
        InvalidParameter: Upload-Length.
    """
    return _number(headers, "Upload-Length")


def read_creation(headers: Mapping[str, str]) -> Creation:
    """What a POST says of the new upload.

    Raises:
        MissingParameter: Neither a length nor that it comes later.
        InvalidParameter: Upload-Length, Upload-Defer-Length or Upload-Metadata.
    """
    length, deferred = _number(headers, "Upload-Length"), headers.get("upload-defer-length")
    if deferred not in (None, "1"):
        raise InvalidParameter(param="Upload-Defer-Length", why="it must be 1")
    if length is not None and deferred is not None:
        raise InvalidParameter(param="Upload-Defer-Length", why="the length is given already")
    if length is None and deferred is None:
        raise MissingParameter(param="Upload-Length")
    return Creation(length, read_metadata(headers.get("upload-metadata", "")))


def read_metadata(value: str) -> dict[str, str]:
    """Upload-Metadata: pairs of a key and a base64 value, separated by commas.

    Raises:
        InvalidParameter: It is malformed, a key comes twice, or a value is not text in UTF-8.
    """
    pairs: dict[str, str] = {}
    for pair in value.split(",") if value.strip() else ():
        key, _, encoded = pair.strip().partition(" ")
        if not _KEY.fullmatch(key):
            raise _bad_metadata("a key is empty or holds characters that are not allowed")
        if key in pairs:
            raise _bad_metadata(f"the key '{key[:40]}' comes twice")
        pairs[key] = _text(key, encoded.strip())
    return pairs


def write_metadata(pairs: Mapping[str, str]) -> str:
    """As `read_metadata` reads it."""
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}".rstrip() for key, value in pairs.items())


def read_checksum(headers: Mapping[str, str]) -> Checksum | None:
    """What the bytes of this request must hash to; None where the client does not say.

    Raises:
        InvalidParameter: The algorithm is not known, or the digest is not one.
    """
    value = headers.get("upload-checksum")
    if value is None:
        return None
    algorithm, _, encoded = value.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise InvalidParameter(param="Upload-Checksum", why=f"the algorithm must be one of {', '.join(ALGORITHMS)}")
    digest = _decoded(encoded.strip())
    if digest is None or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise InvalidParameter(param="Upload-Checksum", why=f"it is not a {algorithm} digest in base64")
    return Checksum(algorithm, digest)


def http_date(seconds: float) -> str:
    """A time as Upload-Expires says it (RFC 9110)."""
    return formatdate(seconds, usegmt=True)


def _number(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name.lower())
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise InvalidParameter(param=name, why="it must be a whole number of bytes")
    return int(value)


def _text(key: str, encoded: str) -> str:
    raw = _decoded(encoded)
    if raw is None:
        raise _bad_metadata(f"the value of '{key[:40]}' is not base64")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _bad_metadata(f"the value of '{key[:40]}' is not text in UTF-8") from None


def _decoded(encoded: str) -> bytes | None:
    """Base64 as strict as it is written; None where it is not."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _bad_metadata(why: str) -> InvalidParameter:
    return InvalidParameter(param="Upload-Metadata", why=why)
