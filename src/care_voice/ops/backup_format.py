"""What a backup of recordings looks like.

<target>/
    audio/<key>              the sound, each object under the key it has in the storage; shared by all points
    points/<point>/
        rows/<table>.jsonl.gz    rows as they were at one moment, a JSON object a line
        audio.jsonl.gz           the objects that these rows name: key, size and SHA-256
        manifest.json            all of these by size and SHA-256; written last: a point without one is none

Nothing in it depends on the database or the storage it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

import msgspec

FORMAT = "care-voice-recordings/1"
MANIFEST = "manifest.json"
OBJECTS = "audio.jsonl.gz"
MANIFEST_LIMIT_BYTES = 4 * 1024 * 1024
_POINT = re.compile(r"\d{8}T\d{9}Z-[0-9a-f]{6}\Z")


class StoredFile(msgspec.Struct, frozen=True):
    """Size in bytes and SHA-256 of a file as it lies in the backup."""

    size: int
    sha256: str


class RowsFile(msgspec.Struct, frozen=True):
    """The rows of a table: `file` as it lies there, compressed."""

    file: StoredFile
    columns: tuple[str, ...]
    rows: int


class AppliedMigration(msgspec.Struct, frozen=True):
    """A step of the schema that the rows have behind them; `sha256` of its file."""

    number: int
    name: str
    sha256: str


class AudioObject(msgspec.Struct, frozen=True):
    """An object of the audio storage: its first `size` bytes."""

    key: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """A point of a backup. `at` is when the rows were read, ISO 8601 in UTC; `tool` the version that wrote it."""

    format: str
    tool: str
    point: str
    at: str
    database: str
    migrations: tuple[AppliedMigration, ...]
    tables: dict[str, RowsFile]
    audio: StoredFile
    objects: int
    object_bytes: int
    missing: tuple[str, ...]
    """Keys that rows name and the storage did not have: lost before the backup was made."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object that rows name, and how many of its bytes are theirs."""

    key: str
    size: int


def new_point(now: float) -> str:
    """A name for a point that sorts by its time, in Unix seconds: 20260131T235959123Z-a1b2c3."""
    moment = datetime.fromtimestamp(now, UTC)
    return f"{moment:%Y%m%dT%H%M%S}{moment.microsecond // 1000:03}Z-{token_hex(3)}"


def is_point(text: str) -> bool:
    return _POINT.match(text) is not None


def manifest_name(point: str) -> str:
    return f"points/{point}/{MANIFEST}"


def objects_name(point: str) -> str:
    return f"points/{point}/{OBJECTS}"


def rows_name(point: str, table: str) -> str:
    return f"points/{point}/rows/{table}.jsonl.gz"


def audio_name(key: str) -> str:
    return f"audio/{key}"


def encode_lines(values: Iterable[object]) -> bytes:
    """A JSON value a line."""
    return b"".join(msgspec.json.encode(value) + b"\n" for value in values)


def decode_objects(lines: Iterable[bytes]) -> Iterator[AudioObject]:
    """Raises msgspec.DecodeError."""
    decoder = msgspec.json.Decoder(AudioObject)
    return (decoder.decode(line) for line in lines)
