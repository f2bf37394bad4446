"""Processes as /proc shows them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

WORKER_MODULES = {"care_voice.engine.worker", "support.counting_worker", "support.faulty_worker"}


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped the process: kill() returns before that has happened."""
    return "State:\tT" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")


def children_of(parent: int) -> dict[int, list[str]]:
    """Pid -> command line of the processes that `parent` has started."""
    found: dict[int, list[str]] = {}
    for children in Path(f"/proc/{parent}/task").glob("*/children"):
        for child in children.read_text(encoding="ascii").split():
            with suppress(OSError):
                found[int(child)] = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
    return found


def workers_of(parent: int) -> dict[int, str]:
    """Pid -> role of the worker processes that `parent` has started."""
    children = children_of(parent).items()
    return {
        child: command[command.index("--role") + 1]
        for child, command in children
        if "--role" in command and WORKER_MODULES & set(command)
    }
