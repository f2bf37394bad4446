"""What this machine computes with, as its kernel tells it."""

from __future__ import annotations

import platform
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_GPUS = Path("/proc/driver/nvidia/gpus")
_NAMES = ("vendor_id", "model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU variant")
"""Lines of /proc/cpuinfo that say which processor it is; the others are about one core at this moment."""
_VNNI = frozenset({"avx512_vnni", "avx_vnni"})


@dataclass(frozen=True, slots=True)
class Processor:
    """Its name, and what it can do: no flags where that is not known."""

    name: str
    flags: frozenset[str]

    @property
    def exact_products(self) -> bool:
        """Whether sums of 8-bit products are right: on x86 without VNNI they saturate, and accuracy is lost."""
        return not self.flags or bool(self.flags & _VNNI)


def read_processor(path: Path = _CPUINFO) -> Processor:
    """The first processor of this machine. Its flags are those of x86; on others none are known."""
    with suppress(OSError):
        first = path.read_text(encoding="utf-8", errors="replace").split("\n\n", 1)[0]
        told = dict(_pair(line) for line in first.splitlines())
        name = " ".join(told[key] for key in _NAMES if key in told)
        return Processor(name or platform.machine(), frozenset(told.get("flags", "").split()))
    return Processor(platform.processor() or platform.machine(), frozenset())


def graphics_cards(path: Path = _GPUS) -> tuple[str, ...]:
    """Addresses of the NVIDIA cards that this machine's driver has."""
    with suppress(OSError):
        return tuple(sorted(entry.name for entry in path.iterdir()))
    return ()


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()
