"""What runs a model: measured once, kept, and CTranslate2 wherever ONNX Runtime cannot be used."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from care_voice.app import Application
from care_voice.config import load_settings
from care_voice.domain.model_errors import ConversionFailed
from care_voice.domain.service_errors import RuntimeUnavailable, WorkerFailed
from care_voice.engine.processor import Processor, read_processor
from care_voice.models.build import build_puller
from care_voice.models.catalogue import Quantization
from care_voice.models.puller import Puller
from care_voice.models.settings import ModelSettings
from care_voice.models.sources.derivation import Convert
from care_voice.service import engine_choice
from care_voice.service.engine_choice import EngineChoice, Leave, Limits, Load, Machine, Tell
from care_voice.service.model_keeper import GraphsKeeper, ModelKeeper
from care_voice.service.tuning_policy import EnginePlan, Measurement
from care_voice.service.tuning_record import TuningStore
from care_voice.supervisor.conversion import quantize
from care_voice.supervisor.settings import EngineSettings
from care_voice.telemetry.metrics import Metrics
from support.server import environment

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(not read_processor().exact_products, reason="int8 graphs need VNNI"),
]


class Shown:
    """A board that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, detail: str, _progress: float | None = None) -> None:
        self.said.append(detail)


@dataclass
class Meter:
    """Stands in for the measuring of speed alone: what it is to measure is loaded from the real store."""

    latencies: dict[str, float] = field(default_factory=lambda: {"ctranslate2": 0.5, "onnxruntime": 0.3})
    error: WorkerFailed | None = None
    runs: int = 0

    async def __call__(
        self, plans: Sequence[EnginePlan], load: Load, _limits: Limits, _tell: Tell
    ) -> list[Measurement]:
        self.runs += 1
        if self.error is not None:
            raise self.error
        return [await self._one(plan, load) for plan in plans]

    async def _one(self, plan: EnginePlan, load: Load) -> Measurement:
        try:
            await load(plan)
        except ConversionFailed as error:
            return Measurement(plan, "failed", error.message)
        return Measurement(plan, latency_s=self.latencies[plan.runtime] * plan.workers, windows_per_s=1.0)


Choose = Callable[..., EngineChoice]


def refuse(source: Path, target: Path, to: Quantization, cancelled: Callable[[], bool]) -> None:
    raise ConversionFailed(name=source.name, why="the disk is full")


@pytest.fixture(scope="module")
def pulled_store(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with `base` and its graphs."""
    store = tmp_path_factory.mktemp("pulled") / "models"
    puller_for(store, model_store).derive("base", "onnx-int8")
    return store


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
def choose(pulled_store: Path, model_store: Path, meter: Meter, tmp_path: Path) -> Choose:
    """A new choice, as a new process would make it, over the same data directory."""

    def make(
        model: str = "base",
        convert: Convert = quantize,
        store: Path = pulled_store,
        free_bytes: int | None = None,
        **settings: object,
    ) -> EngineChoice:
        puller, metrics = puller_for(store, model_store, convert), Metrics()
        keeper = ModelKeeper(model, puller, metrics)
        graphs = GraphsKeeper(keeper, puller, metrics)
        wanted = EngineSettings(**settings)  # type: ignore[arg-type]
        machine = Machine(4, lambda: free_bytes)
        return EngineChoice(keeper, graphs, wanted, machine, (TuningStore(tmp_path / "tuning"), meter))

    return make


def puller_for(store: Path, model_store: Path, convert: Convert = quantize) -> Puller:
    """With a source that has `base` alone: its graphs must be made."""
    shared = store.parent / "shared"
    shared.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (shared / "base").symlink_to(model_store / "views" / "base")
    settings = ModelSettings(directory=store, sources=("directory",), directories=(shared,))
    return build_puller(settings, convert=convert)


def copied(store: Path, target: Path) -> Path:
    """A store without links to the first one."""
    shutil.copytree(store, target)
    return target


def damage(store: Path) -> None:
    for path in (store / "views" / "base-onnx-int8" / "decoder.bin", *_blobs_of(store)):
        path.unlink(missing_ok=True)


def _blobs_of(store: Path) -> list[Path]:
    size = (store / "views" / "base-onnx-int8" / "decoder.bin").stat().st_size
    return [blob for blob in (store / "blobs" / "sha256").iterdir() if blob.stat().st_size == size]


async def settled(choice: EngineChoice, leave: Leave | None = None) -> EngineChoice:
    await choice.settle(leave or Leave(), Shown())
    return choice


async def runs(choice: EngineChoice) -> str:
    """The model that the next worker would load."""
    model, verified = await choice.next_load()
    assert verified.name == model.name
    return model.name


async def test_the_faster_one_is_found_once_and_taken_at_every_later_start(choose: Choose, meter: Meter) -> None:
    first, second = await settled(choose()), await settled(choose())
    assert meter.runs == 1
    assert first.plan == second.plan == EnginePlan("onnxruntime", 1, 4)
    assert first.measured_at == second.measured_at is not None
    assert first.names == {"base", "base-onnx-int8"}
    assert await runs(second) == "base-onnx-int8"


async def test_ctranslate2_stays_where_it_is_faster(choose: Choose, meter: Meter) -> None:
    meter.latencies["ctranslate2"] = 0.1
    choice = await settled(choose())
    assert (choice.plan.runtime, choice.notice, choice.names) == ("ctranslate2", None, {"base"})
    assert await runs(choice) == "base"


async def test_other_settings_and_a_damaged_record_are_measured_anew(
    choose: Choose, meter: Meter, tmp_path: Path
) -> None:
    await settled(choose())
    await settled(choose(threads=2))
    assert meter.runs == 2
    path = tmp_path / "tuning" / "base.json"
    path.chmod(0o600)
    path.write_text("{")
    await settled(choose(threads=2))
    assert meter.runs == 3
    await settled(choose(threads=2))
    assert meter.runs == 3


async def test_numbers_and_a_runtime_that_are_set_leave_nothing_to_measure(choose: Choose, meter: Meter) -> None:
    fixed = await settled(choose(runtime="onnxruntime", workers=2))
    assert fixed.plan == EnginePlan("onnxruntime", 2, 2)
    assert (await settled(choose(runtime="ctranslate2"))).plan == EnginePlan("ctranslate2", 1, 4)
    assert (await settled(choose(device="cuda"))).plan == EnginePlan("ctranslate2", 1, 4)
    assert meter.runs == 0


async def test_who_may_not_measure_gets_what_was_measured_or_ctranslate2(choose: Choose, meter: Meter) -> None:
    choice = await settled(choose(), Leave(measure=False))
    assert (choice.plan.runtime, choice.measured_at, meter.runs) == ("ctranslate2", None, 0)
    await settled(choose())
    assert (await settled(choose(), Leave(measure=False))).plan.runtime == "onnxruntime"


async def test_measuring_that_fails_is_told_and_ctranslate2_serves(choose: Choose, meter: Meter) -> None:
    meter.error = WorkerFailed(why="no process could be started")
    choice = await settled(choose())
    assert choice.plan == EnginePlan("ctranslate2", 1, 4)
    assert choice.notice is not None
    assert choice.notice.code == "engine_fallback"
    assert "no process could be started" in choice.notice.message
    assert await runs(choice) == "base"


async def test_graphs_that_cannot_be_made_are_told_and_tried_again_at_the_next_start(
    choose: Choose, meter: Meter, model_store: Path, tmp_path: Path
) -> None:
    store = tmp_path / "models"
    puller_for(store, model_store).pull("base")
    choice = await settled(choose(store=store, convert=refuse))
    assert choice.plan.runtime == "ctranslate2"
    assert choice.notice is not None
    assert "the disk is full" in choice.notice.message
    choice = await settled(choose(store=store))
    assert meter.runs == 2
    assert (choice.plan.runtime, choice.notice) == ("onnxruntime", None)


async def test_without_vnni_or_memory_there_is_nothing_to_choose(
    choose: Choose, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = await settled(choose(free_bytes=10**9))
    assert "not enough memory" in short.detail
    monkeypatch.setattr(engine_choice, "read_processor", lambda: Processor("old", frozenset({"avx2"})))
    choice = await settled(choose())
    assert (choice.plan.runtime, choice.notice, meter.runs) == ("ctranslate2", None, 0)
    assert "VNNI" in choice.detail


async def test_a_runtime_that_is_asked_for_and_cannot_be_had_is_an_error_that_says_what_to_do(
    choose: Choose, monkeypatch: pytest.MonkeyPatch
) -> None:
    for impossible in (
        choose(runtime="onnxruntime", device="cuda"),
        choose(runtime="onnxruntime", compute_type="float32"),
        choose(model="base-onnx-int8", runtime="ctranslate2"),
    ):
        with pytest.raises(RuntimeUnavailable) as caught:
            await settled(impossible)
        assert "CARE_VOICE_ENGINE__RUNTIME" in caught.value.advice
    monkeypatch.setattr(engine_choice, "read_processor", lambda: Processor("old", frozenset({"avx2"})))
    with pytest.raises(RuntimeUnavailable, match="VNNI"):
        await settled(choose(runtime="onnxruntime"))


async def test_graphs_that_are_served_by_their_own_name_need_no_others(choose: Choose, meter: Meter) -> None:
    choice = await settled(choose(model="base-onnx-int8"))
    assert choice.plan.runtime == "onnxruntime"
    assert await runs(choice) == "base-onnx-int8"
    assert (choice.names, choice.uses_graphs) == ({"base-onnx-int8"}, None)


async def test_damaged_graphs_are_made_again_before_a_worker_loads_them(
    choose: Choose, pulled_store: Path, tmp_path: Path
) -> None:
    store = copied(pulled_store, tmp_path / "models")
    choice = await settled(choose(store=store))
    damage(store)
    assert await runs(choice) == "base-onnx-int8"
    damage(store)
    await choice.look_after()
    assert choice.notice is None
    assert (store / "views" / "base-onnx-int8" / "decoder.bin").is_file()


@pytest.mark.parametrize("noticed_by", ["a worker that starts", "the watch"])
async def test_graphs_that_cannot_be_made_again_are_replaced_by_the_model_itself(
    choose: Choose, pulled_store: Path, tmp_path: Path, noticed_by: str
) -> None:
    store = copied(pulled_store, tmp_path / "models")
    choice = await settled(choose(store=store, convert=refuse))
    assert choice.plan.runtime == "onnxruntime"
    damage(store)
    if noticed_by == "the watch":
        await choice.look_after()
    assert await runs(choice) == "base"
    assert choice.notice is not None
    assert choice.notice.code == "engine_fallback"
    assert choice.names == {"base"}


async def test_who_insists_on_onnx_runtime_gets_no_other(choose: Choose, pulled_store: Path, tmp_path: Path) -> None:
    store = copied(pulled_store, tmp_path / "models")
    choice = await settled(choose(store=store, convert=refuse, runtime="onnxruntime", workers=1))
    damage(store)
    with pytest.raises(RuntimeUnavailable, match="the disk is full"):
        await choice.next_load()


async def test_both_engines_are_measured_in_workers_of_their_own_and_hear_the_words(
    model_store: Path, pulled_store: Path, tmp_path: Path
) -> None:
    values = {"CARE_VOICE_ENGINE__RUNTIME": "auto"}
    application = Application(load_settings(environment(tmp_path, pulled_store, values)))
    shown = Shown()
    try:
        async with asyncio.timeout(200):
            record = await application.tune(Limits(180.0), shown)
    finally:
        await application.lifecycle.close()
    assert {each.plan.runtime for each in record.measurements} == {"ctranslate2", "onnxruntime"}
    for each in record.measurements:
        assert each.outcome == "measured", each
        assert each.latency_s > 0
        assert each.memory_bytes > 100e6
        assert each.device == "cpu"
    assert record.plan in {each.plan for each in record.measurements}
    assert TuningStore(tmp_path / "tuning").read("base", record.fingerprint) == record
    assert sum("measuring the engines" in line for line in shown.said) == 2
