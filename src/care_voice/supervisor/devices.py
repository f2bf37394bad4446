"""Which GPU a worker uses, and whether its model fits there. Asked before each start, as for the machine's memory.

The figures are estimates: 700 MB for CUDA, its libraries and their workspace, then the weights, then for each window of
30 s in a batch its share of attention scores and key/value caches of five beams, which grows with the model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from care_voice.domain.service_errors import NotEnoughGpuMemory
from care_voice.engine.protocol import GpuShare

log = structlog.get_logger(__name__)

DEFAULT_BATCH: Final = 8
"""Windows of 30 s that a GPU computes together where nothing else is asked for and they fit."""

_CONTEXT_BYTES: Final = 700_000_000
_WINDOW_BYTES: Final = 64_000_000
_WINDOW_BYTES_PER_WEIGHT: Final = 0.4
_HALF_PRECISION: Final = (7, 0)
"""Compute capability from which CTranslate2 computes with float16."""
_WEIGHT_BYTES: Final = {"int8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "float32": 4}
"""By the first part of a compute type's name: of int8_float16 the weights are int8."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU as NVML reports it. `capability` is its compute capability; `driver` names the version of the driver, and
    `cuda` the newest CUDA that it runs (12040 for 12.4), where they are known."""

    index: int
    uuid: str
    name: str
    total_bytes: int
    free_bytes: int
    capability: tuple[int, int]
    driver: str = ""
    cuda: int = 0

    @property
    def label(self) -> str:
        """For people."""
        return f"cuda:{self.index} ({self.name})"


FindGpus = Callable[[], "list[Gpu] | None"]


@dataclass(frozen=True, slots=True)
class GpuNeed:
    """What a worker is to hold: a model of so many weights, in arithmetic and batches as they were set."""

    name: str
    weights: int
    compute_type: str = "auto"
    batch: int = 0

    def bytes_for(self, gpu: Gpu, batch: int, *, tight: bool) -> int:
        """GPU memory in bytes that it takes to compute `batch` windows of 30 s together."""
        window = _WINDOW_BYTES + int(_WINDOW_BYTES_PER_WEIGHT * self.weights)
        return _CONTEXT_BYTES + self.weights * self._weight_bytes(gpu, tight=tight) + batch * window

    def choices(self) -> Iterator[tuple[int, bool]]:
        """Batches and whether weights are made small, the best first: arithmetic gives way before half the batch."""
        batch = self.batch or DEFAULT_BATCH
        while batch >= 1:
            yield batch, False
            if self.compute_type == "auto":
                yield batch, True
            batch //= 2

    def _weight_bytes(self, gpu: Gpu, *, tight: bool) -> int:
        if self.compute_type != "auto":
            return _WEIGHT_BYTES.get(self.compute_type.partition("_")[0], 2)
        if tight:
            return 1
        return 2 if gpu.capability >= _HALF_PRECISION else 4


@dataclass(frozen=True, slots=True)
class Placement:
    """A worker's place on a GPU and the memory that it will take there."""

    gpu: Gpu
    share: GpuShare
    needed_bytes: int


def place(gpus: Sequence[Gpu], need: GpuNeed) -> Placement:
    """The GPU with the most free memory, and what fits there. `gpus` must not be empty.

    Raises:
        NotEnoughGpuMemory: Not even one window at a time fits.
    """
    gpu = max(gpus, key=lambda each: (each.free_bytes, -each.index))
    needed = 0
    for batch, tight in need.choices():
        needed = need.bytes_for(gpu, batch, tight=tight)
        if needed <= gpu.free_bytes:
            return Placement(gpu, GpuShare(gpu.uuid, gpu.index, gpu.name, batch, tight), needed)
    raise NotEnoughGpuMemory(name=need.name, needed=megabytes(needed), free=megabytes(gpu.free_bytes), gpu=gpu.label)


class GpuGate:
    """Gives workers their GPUs; what is promised to workers that still load counts as taken.

    Args:
        find: The GPUs as they are now; None where there is no telling.
    """

    def __init__(self, find: FindGpus | None = None) -> None:
        self._find = find or find_gpus
        self._promised: dict[str, int] = {}

    def gpus(self) -> list[Gpu] | None:
        """The GPUs as they are now; None where there is no telling. May take a second: call it in a thread."""
        return self._find()

    def place(self, gpus: Sequence[Gpu] | None, need: GpuNeed) -> Placement | None:
        """Where a worker goes; None where the worker has to see for itself. Raises NotEnoughGpuMemory."""
        return place([self._less_promised(gpu) for gpu in gpus], need) if gpus else None

    @contextmanager
    def promised(self, placement: Placement | None) -> Iterator[None]:
        """Hold the place of a worker while it loads."""
        if placement is None:
            yield
            return
        uuid, needed = placement.gpu.uuid, placement.needed_bytes
        self._promised[uuid] = self._promised.get(uuid, 0) + needed
        try:
            yield
        finally:
            self._promised[uuid] -= needed

    def _less_promised(self, gpu: Gpu) -> Gpu:
        return replace(gpu, free_bytes=max(0, gpu.free_bytes - self._promised.get(gpu.uuid, 0)))


def find_gpus() -> list[Gpu] | None:
    """The GPUs that CUDA may use, from NVML; None where NVML or its Python package is missing, or they cannot be told
    apart by the numbers in CUDA_VISIBLE_DEVICES."""
    try:
        import pynvml  # noqa: PLC0415 - needed only where a GPU may be
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        log.debug("nvml_missing", why=str(error))
        return None
    try:
        return visible(_listed(pynvml), os.environ)
    except pynvml.NVMLError as error:
        log.warning("nvml_failed", why=str(error))
        return None
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def visible(gpus: list[Gpu], environment: Mapping[str, str]) -> list[Gpu] | None:
    """Those that CUDA_VISIBLE_DEVICES lets through, by number or by the beginning of the UUID.

    CUDA numbers the fastest first unless told otherwise, and NVML goes by the bus: among unlike GPUs a number says
    nothing, and the answer is None. So it is for parts of a GPU (MIG).
    """
    wanted = environment.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return gpus
    entries = [entry.strip() for entry in wanted.split(",")]
    alike = len({gpu.name for gpu in gpus}) <= 1 or environment.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    if any(entry.startswith("MIG") or (entry.isdigit() and not alike) for entry in entries):
        return None
    chosen: list[Gpu] = []
    for entry in entries:
        found = next((gpu for gpu in gpus if entry and _is_named(gpu, entry)), None)
        if found is None:
            break  # as CUDA does: what follows an entry that does not exist is not seen
        chosen.append(found)
    return chosen


def megabytes(count: int) -> str:
    """For people."""
    return f"{count / 1e6:,.0f} MB"


def _is_named(gpu: Gpu, entry: str) -> bool:
    return gpu.index == int(entry) if entry.isdigit() else gpu.uuid.startswith(entry)


def _listed(nvml: Any) -> list[Gpu]:
    driver, cuda = _text(nvml.nvmlSystemGetDriverVersion()), int(nvml.nvmlSystemGetCudaDriverVersion_v2())
    gpus = [_read(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    return [replace(gpu, driver=driver, cuda=cuda) for gpu in gpus]


def _read(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(
        index=index,
        uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
        name=_text(nvml.nvmlDeviceGetName(handle)),
        total_bytes=int(memory.total),
        free_bytes=int(memory.free),
        capability=tuple(nvml.nvmlDeviceGetCudaComputeCapability(handle)),
    )


def _text(value: str | bytes) -> str:
    """Older versions of the package give bytes."""
    return value.decode() if isinstance(value, bytes) else value
