"""Keeps the logs of processes in the background small, where neither a journal nor a log rotation takes them."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

LARGEST_LOG_BYTES = 20 << 20
"""Of a log, and of the older part that is kept beside it."""

_LONGEST_LINE_BYTES = 1 << 16


def trim_log(path: Path, largest: int | None = None) -> None:
    """Begin a log anew when it has more bytes than `largest` (20 MiB). Its end is kept beside it as NAME.log.1, in
    whole lines.

    Whoever writes it goes on in the same file: that must be open for appending (O_APPEND), or the next line would stand
    behind a hole as large as the old log. A line that is written in the moment between the copy and the cut is lost.
    """
    largest = LARGEST_LOG_BYTES if largest is None else largest
    with suppress(FileNotFoundError):
        if path.stat().st_size <= largest:
            return
        older = path.with_name(f"{path.name}.1")
        try:
            _copy_end(path, older, largest)
        except OSError:  # a full disk needs the room all the more
            older.unlink(missing_ok=True)
        os.truncate(path, 0)


def _copy_end(path: Path, copy: Path, largest: int) -> None:
    with path.open("rb") as log, os.fdopen(_for_this_user_alone(copy), "wb") as older:
        log.seek(-largest - 1, os.SEEK_END)
        log.readline(_LONGEST_LINE_BYTES)
        shutil.copyfileobj(log, older)


def _for_this_user_alone(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
