"""What a process takes, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def peak_resident_bytes(pid: int) -> int:
    """The most memory that a process has held so far; 0 where the process is gone or /proc does not exist."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
