"""Which GPU a worker gets, what fits there, and what is said where nothing does. The GPUs are the test's own."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from care_voice.domain.service_errors import NotEnoughGpuMemory, PreflightFailed
from care_voice.models.catalogue import Catalogue, Derivation
from care_voice.service.placing import Placing
from care_voice.supervisor.devices import Gpu, GpuGate, GpuNeed, find_gpus, place, visible
from care_voice.supervisor.settings import EngineSettings

GB = 10**9
LARGE = GpuNeed("large-v3", 1_550_000_000)
BASE = Catalogue.load().get("base")


def gpu(index: int = 0, free: float = 40.0, *, name: str = "A100", capability: tuple[int, int] = (8, 0)) -> Gpu:
    return Gpu(index, f"GPU-{index}f00", name, 40 * GB, int(free * GB), capability)


def test_the_gpu_with_the_most_free_memory_is_chosen() -> None:
    placed = place([gpu(0, 12), gpu(1, 30), gpu(2, 30), gpu(3, 5)], LARGE)
    assert (placed.share.index, placed.share.uuid) == (1, "GPU-1f00")
    assert (placed.share.batch, placed.share.tight) == (8, False)


def test_arithmetic_gives_way_first_and_then_the_batch() -> None:
    found = []
    for free in range(40, 0, -1):
        try:
            placed = place([gpu(free=free / 2)], LARGE)
        except NotEnoughGpuMemory:
            break
        assert placed.needed_bytes <= free * GB / 2
        found.append((placed.share.batch, placed.share.tight))
    # Half of a small batch saves less than 8-bit weights do, so it is not tried with whole ones again.
    choices = [(8, False), (8, True), (4, False), (4, True), (2, True), (1, True)]
    assert list(dict.fromkeys(found)) == choices


def test_what_was_set_is_kept_as_long_as_it_fits() -> None:
    assert place([gpu(free=40)], replace(LARGE, batch=16)).share.batch == 16
    small = place([gpu(free=7)], replace(LARGE, compute_type="float16"))
    assert (small.share.batch, small.share.tight) == (4, False)
    by_type = [
        replace(LARGE, compute_type=kind).bytes_for(gpu(), 1, tight=False)
        for kind in ("int8_float16", "float16", "float32")
    ]
    assert by_type == sorted(set(by_type))


def test_a_gpu_without_half_precision_needs_twice_as_much() -> None:
    old, new = gpu(capability=(6, 1)), gpu()
    difference = LARGE.bytes_for(old, 1, tight=False) - LARGE.bytes_for(new, 1, tight=False)
    assert difference == 2 * LARGE.weights
    assert LARGE.bytes_for(old, 1, tight=True) == LARGE.bytes_for(new, 1, tight=True)


def test_a_model_that_does_not_fit_is_refused_with_figures() -> None:
    with pytest.raises(NotEnoughGpuMemory) as caught:
        place([gpu(0, 0.5), gpu(1, 1)], LARGE)
    assert caught.value.fields == {
        "name": "large-v3", "needed": "2,934 MB", "free": "1,000 MB", "gpu": "cuda:1 (A100)"
    }  # fmt: skip


async def test_workers_spread_while_they_load_and_see_what_the_others_were_promised() -> None:
    placing = Placing(EngineSettings(device="cuda"), GpuGate(lambda: [gpu(0, 2.6), gpu(1, 2.2)]))
    first = await placing.placement(BASE)
    with placing.promised(first):
        second = await placing.placement(BASE)
        with placing.promised(second):
            third = await placing.placement(BASE)
            with placing.promised(third), pytest.raises(NotEnoughGpuMemory):
                await placing.placement(BASE)
    again = await placing.placement(BASE)

    assert [one and one.share.index for one in (first, second, third, again)] == [0, 1, 0, 0]


async def test_no_gpu_is_looked_for_where_none_is_used() -> None:
    def never() -> list[Gpu]:
        raise AssertionError("nobody may ask")

    graphs = replace(BASE, derived=Derivation("base", "0" * 64, "onnx-int8", "tool"))
    assert await Placing(EngineSettings(device="cpu"), GpuGate(never)).placement(BASE) is None
    assert await Placing(EngineSettings(device="auto"), GpuGate(never)).placement(graphs) is None
    assert Placing(EngineSettings(device="cpu"), GpuGate(never)).describe(BASE) == "cpu"
    # A GPU that is full must not keep a service from starting that would not use it.
    assert Placing(EngineSettings(runtime="onnxruntime"), GpuGate(never)).describe(BASE) == "cpu"


@pytest.mark.parametrize("found", [None, []])
async def test_without_a_known_gpu_the_worker_sees_for_itself(found: list[Gpu] | None) -> None:
    assert await Placing(EngineSettings(), GpuGate(lambda: found)).placement(BASE) is None


def test_what_was_found_is_told_to_people() -> None:
    def told(found: list[Gpu] | None, settings: EngineSettings | None = None) -> str:
        return Placing(settings or EngineSettings(), GpuGate(lambda: found)).describe(BASE)

    assert "CTranslate2 looks for one itself" in told(None)
    assert told([]) == "no GPU; cpu"
    assert told([gpu(0, 2), gpu(1, 30)]) == (
        "cuda:0 (A100) with 2,000 MB of 40,000 MB free, cuda:1 (A100) with 30,000 MB of 40,000 MB free; "
        "next: cuda:1, 8 windows at a time, 1,590 MB"
    )
    with pytest.raises(PreflightFailed, match="no NVIDIA GPU"):
        told([], EngineSettings(device="cuda"))
    with pytest.raises(NotEnoughGpuMemory):
        told([gpu(0, 0.3)])


@pytest.mark.parametrize(
    ("environment", "indices"),
    [
        ({}, [0, 1, 2]),
        ({"CUDA_VISIBLE_DEVICES": "2, 0"}, [2, 0]),
        ({"CUDA_VISIBLE_DEVICES": "GPU-1f"}, [1]),
        ({"CUDA_VISIBLE_DEVICES": "0,7,1"}, [0]),
        ({"CUDA_VISIBLE_DEVICES": ""}, []),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, []),
        ({"CUDA_VISIBLE_DEVICES": "MIG-5"}, None),
    ],
)
def test_only_what_cuda_may_see_counts(environment: dict[str, str], indices: list[int] | None) -> None:
    seen = visible([gpu(0), gpu(1), gpu(2)], environment)
    assert (seen and [one.index for one in seen]) == (indices or seen)
    assert (seen is None) == (indices is None)


def test_numbers_say_nothing_among_unlike_gpus_unless_cuda_goes_by_the_bus() -> None:
    unlike = [gpu(0), gpu(1, name="T4")]
    assert visible(unlike, {"CUDA_VISIBLE_DEVICES": "0"}) is None
    assert visible(unlike, {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}) == unlike[1:]
    assert visible(unlike, {"CUDA_VISIBLE_DEVICES": "GPU-0f00"}) == unlike[:1]


class NvmlError(Exception):
    """As the package's own."""


def nvml(**changes: object) -> SimpleNamespace:
    """The part of the NVML package that is used, with one GPU, some answers of which are bytes as in older versions."""
    answers: dict[str, object] = {
        "NVMLError": NvmlError,
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlSystemGetDriverVersion": lambda: b"570.86.15",
        "nvmlSystemGetCudaDriverVersion_v2": lambda: 12080,
        "nvmlDeviceGetCount": lambda: 1,
        "nvmlDeviceGetHandleByIndex": lambda index: index,
        "nvmlDeviceGetMemoryInfo": lambda _handle: SimpleNamespace(total=40 * GB, free=30 * GB, used=10 * GB),
        "nvmlDeviceGetUUID": lambda _handle: b"GPU-0f00",
        "nvmlDeviceGetName": lambda _handle: "A100",
        "nvmlDeviceGetCudaComputeCapability": lambda _handle: (8, 0),
    }
    return SimpleNamespace(**(answers | changes))


def fails(*_arguments: object) -> None:
    raise NvmlError("driver not loaded")


def test_gpus_are_read_from_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", nvml())
    assert find_gpus() == [replace(gpu(0, 30), driver="570.86.15", cuda=12080)]


def test_a_driver_that_is_too_old_is_named_and_one_that_is_not_is_shown() -> None:
    def told(cuda: int) -> str:
        found = [replace(gpu(), driver="470.82", cuda=cuda)]
        return Placing(EngineSettings(), GpuGate(lambda: found)).describe(BASE)

    assert told(12020).startswith("driver 470.82 for CUDA up to 12.2: cuda:0")
    with pytest.raises(PreflightFailed, match=r"470\.82 runs CUDA 11\.4, and 12\.0 is needed"):
        told(11040)


@pytest.mark.parametrize(
    "module", [None, nvml(nvmlInit=fails), nvml(nvmlDeviceGetMemoryInfo=fails), nvml(nvmlDeviceGetCount=fails)]
)
def test_without_nvml_there_is_no_telling(monkeypatch: pytest.MonkeyPatch, module: SimpleNamespace | None) -> None:
    """None in sys.modules makes the import fail, as where the package is missing."""
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert find_gpus() is None
