"""Where the engine workers of a model go: what the settings, the model and the machine's GPUs say together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager

from care_voice.domain.service_errors import PreflightFailed
from care_voice.models.catalogue import CatalogueModel
from care_voice.supervisor.devices import Gpu, GpuGate, GpuNeed, Placement, megabytes
from care_voice.supervisor.settings import EngineSettings

_LEAST_CUDA = 12000
"""What CTranslate2 is built for; a driver of the same major version runs it."""


class Placing:
    """Asked before each start of an engine worker."""

    def __init__(self, settings: EngineSettings, gate: GpuGate | None = None) -> None:
        self._settings = settings
        self._gate = gate or GpuGate()

    async def placement(self, model: CatalogueModel) -> Placement | None:
        """A worker's place on a GPU; None where it uses none, or has to look for one itself.

        Whoever gets one holds it with `promised` before anything else is awaited.

        Raises:
            NotEnoughGpuMemory: The model does not fit on any.
        """
        if not self._may_use_gpu(model):
            return None
        gpus = await asyncio.to_thread(self._gate.gpus)
        return self._gate.place(gpus, self._need(model))

    def promised(self, placement: Placement | None) -> AbstractContextManager[None]:
        """Hold the place while the worker loads: the next one sees what is left beside it."""
        return self._gate.promised(placement)

    def describe(self, model: CatalogueModel) -> str:
        """The devices that there are and the one that the next worker would use, for people.

        Raises:
            PreflightFailed: A GPU is asked for, and there is none; or the driver is too old for it.
            NotEnoughGpuMemory: The model does not fit on any.
        """
        if not self._may_use_gpu(model):
            return "cpu"
        gpus = self._gate.gpus()
        if gpus is None:
            return "NVML tells of no GPU here; CTranslate2 looks for one itself and takes the first, else the cpu"
        if gpus:
            _require_driver(gpus[0])
            placement = self._gate.place(gpus, self._need(model))
            return f"{_listed(gpus)}; {_chosen(placement)}"
        if self._settings.device == "cuda":
            advice = "Set CARE_VOICE_ENGINE__DEVICE to auto or cpu, or check the driver with nvidia-smi."
            raise PreflightFailed(name="devices", why="there is no NVIDIA GPU that may be used", advice=advice)
        return "no GPU; cpu"

    def _may_use_gpu(self, model: CatalogueModel) -> bool:
        """ONNX Runtime computes on the CPU alone; with DEVICE=cuda it is refused where the runtime is chosen."""
        settings = self._settings
        on_cpu = settings.device == "cpu" or (settings.runtime == "onnxruntime" and settings.device == "auto")
        return not on_cpu and not model.graphs

    def _need(self, model: CatalogueModel) -> GpuNeed:
        return GpuNeed(model.name, model.weights, self._settings.compute_type, self._settings.batch)


def _require_driver(gpu: Gpu) -> None:
    if 0 < gpu.cuda < _LEAST_CUDA:
        why = f"the NVIDIA driver {gpu.driver} runs CUDA {_version(gpu.cuda)}, and {_version(_LEAST_CUDA)} is needed"
        advice = "Update the driver, or set CARE_VOICE_ENGINE__DEVICE to cpu."
        raise PreflightFailed(name="devices", why=why, advice=advice)


def _listed(gpus: Sequence[Gpu]) -> str:
    gpu = gpus[0]
    driver = f"driver {gpu.driver} for CUDA up to {_version(gpu.cuda)}: " if gpu.driver else ""
    return driver + ", ".join(
        f"{gpu.label} with {megabytes(gpu.free_bytes)} of {megabytes(gpu.total_bytes)} free" for gpu in gpus
    )


def _version(cuda: int) -> str:
    return f"{cuda // 1000}.{cuda % 1000 // 10}"


def _chosen(placement: Placement | None) -> str:
    assert placement is not None
    share = placement.share
    weights = ", 8-bit weights" if share.tight else ""
    return f"next: cuda:{share.index}, {share.batch} windows at a time{weights}, {megabytes(placement.needed_bytes)}"
