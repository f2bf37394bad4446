"""What the benchmarks share: CPU time and memory of a process and all below it, medians, tables, the machine's name."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def processes_of(pid: int) -> list[int]:
    """A process and all that it started, and what those started."""
    parents = dict(_parents())
    found = [pid]
    for each in found:
        found.extend(child for child, parent in parents.items() if parent == each)
    return found


def cpu_seconds(pid: int) -> float:
    """CPU time of `processes_of(pid)` since they started, and of their children that ended."""
    return sum(map(_cpu_seconds, processes_of(pid)))


def peak_bytes(pid: int) -> int:
    """The sum of the largest resident memory of each of `processes_of(pid)`: shared pages count in each."""
    return sum(map(_peak_bytes, processes_of(pid)))


def machine() -> str:
    """The processor and what matters of it, for the head of a table."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(":") for line in lines)
    facts = {name.strip(): value.strip() for name, _, value in pairs}
    flags = set(facts.get("flags", "").split())
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "amx_int8") if flag in flags]
    cores = len(os.sched_getaffinity(0))
    return f"{facts.get('model name', platform.machine())} ({', '.join(known)}), {cores} cores"


def versions(*packages: str) -> str:
    """Names and versions of installed packages."""
    return ", ".join(f"{package} {version(package)}" for package in packages)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields:
                yield int(entry.name), int(fields[1])


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat that follow the name, which may hold anything; none where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(") ")[2].split()
    except OSError:
        return []


def _cpu_seconds(pid: int) -> float:
    return sum(map(int, _stat(pid)[11:15])) / TICKS_PER_S


def _peak_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)
