"""When a model was last checked, and what was found: for people, for the scrub, and for a short start.

`models.belief` says when a record stands for reading every byte again.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from care_voice.models.sealed import encode_sealed


@dataclass(frozen=True)
class SeenFile:
    """A file as it was when it was hashed, and what came out. Times in nanoseconds."""

    name: str
    sha256: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    changed_ns: int


@dataclass(frozen=True)
class Record:
    """`verified_at` is in UTC, ISO 8601; `why` says what was wrong, and is empty when nothing was. `files` is empty
    where a later start has to hash again."""

    verified_at: str
    verified_ok: bool
    why: str
    files: tuple[SeenFile, ...] = ()


def write_record(path: Path, record: Record) -> None:
    """Replace a record whole. It need not survive a power cut: the next check writes it again. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid4().hex}")
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    with os.fdopen(handle, "wb") as file:
        file.write(encode_sealed(record))
    temporary.replace(path)
