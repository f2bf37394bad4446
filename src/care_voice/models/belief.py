"""When the record of a full check stands for reading every byte of a model again (docs/adr/0024).

A record is believed where nobody but this user and root can have written it, where it is not too old, where it names
the digests that are pinned today, and where every file is still the very one that was hashed: the same inode, size,
modification time and time of last change. The last of these is set by the kernel alone, so that a file whose
modification time was put back shows as well.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from care_voice.models.catalogue import FileEntry
from care_voice.models.records import Record, SeenFile
from care_voice.models.report import FileIdentity, Report, Verified
from care_voice.models.sealed import decode_sealed

_HOUR_S = 3600.0
_SETTLED_NS = 2_000_000_000
"""File systems note times in steps of up to two seconds: a file that was changed within the last one before it was
hashed may have been changed again since without a trace."""

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def seen_files(report: Report) -> tuple[SeenFile, ...]:
    """What a full check that found everything right can vouch for later; nothing where a file has only just changed."""
    found = [(file.name, file.sha256, file.identity) for file in report.files if file.identity is not None]
    if not report.ok or any(identity.changed_ns > report.began_ns - _SETTLED_NS for _, _, identity in found):
        return ()
    return tuple(
        SeenFile(name, sha256, each.device, each.inode, each.size, each.mtime_ns, each.changed_ns)
        for name, sha256, each in found
    )


def is_believed(
    record: Record, pinned: Iterable[FileEntry], found: Mapping[str, FileIdentity], now: datetime, max_age_h: float
) -> bool:
    """Whether the files that were `found` are those that were hashed, and had the digests that are pinned. Pure."""
    if not (record.verified_ok and record.files) or not 0 <= _age_s(record, now) <= max_age_h * _HOUR_S:
        return False
    if {file.name: file.sha256 for file in record.files} != {entry.name: entry.sha256 for entry in pinned}:
        return False
    if found.keys() != {file.name for file in record.files}:
        return False
    return all(
        (found[file.name], found[file.name].changed_ns) == (identity_of(file), file.changed_ns) for file in record.files
    )


def proof(record: Record, name: str, view: Path) -> Verified:
    """What a record that is believed says, as a full check would say it."""
    identities = tuple((file.name, identity_of(file)) for file in record.files)
    return Verified(name, view, identities, {file.name: file.sha256 for file in record.files}, record.verified_at)


def identity_of(file: SeenFile) -> FileIdentity:
    return FileIdentity(file.device, file.inode, file.size, file.mtime_ns, file.changed_ns)


def read_own_record(path: Path) -> Record | None:
    """A record that only this user or root can have written; None where there is none. Elsewhere than on POSIX nobody
    can tell, and none is believed."""
    if not hasattr(os, "geteuid"):
        return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(file.fileno())
            trusted = about.st_uid in (0, os.geteuid()) and not about.st_mode & _WRITABLE_BY_OTHERS
            return decode_sealed(file.read(), Record) if trusted and stat.S_ISREG(about.st_mode) else None
    except OSError:
        return None


def files_in(view: Path) -> dict[str, FileIdentity]:
    """Everything in a view, as it is now; empty where it cannot be looked at."""
    try:
        return {path.name: FileIdentity.of(path.stat()) for path in view.iterdir()}
    except OSError:
        return {}


def _age_s(record: Record, now: datetime) -> float:
    """Seconds since the check; negative where the clock was set back since, or the record says no time."""
    try:
        return (now.astimezone(UTC) - datetime.fromisoformat(record.verified_at)).total_seconds()
    except (ValueError, TypeError):
        return -1.0
