"""A first start measures the engines, later ones do not; and the graphs that were chosen may be lost at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from care_voice.app import usable_cpus
from care_voice.engine.processor import read_processor
from care_voice.models.build import build_puller
from care_voice.models.settings import ModelSettings
from care_voice.service.tuning_policy import EnginePlan, Measurement
from care_voice.service.tuning_record import TuningStore, fingerprint_of, record_of
from care_voice.supervisor.settings import EngineSettings
from support.ports import free_port
from support.server import Service, environment
from support.waiting import wait_until

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(not read_processor().exact_products, reason="int8 graphs need VNNI"),
]
AUTO = {"CARE_VOICE_ENGINE__RUNTIME": "auto", "CARE_VOICE_LIFECYCLE__WATCH_INTERVAL_S": "0.2"}
JFK = "en/jfk.flac"
START_S = 200.0


@pytest.fixture
def tuned(own_store: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A store and a data directory of a service that was measured, and runs `base` on its graphs."""
    puller = build_puller(ModelSettings(directory=own_store))
    settings, plan = EngineSettings(workers=1), EnginePlan("onnxruntime", 1, usable_cpus())
    entry = puller.entry("base-onnx-int8")
    fingerprint = fingerprint_of(puller.entry("base"), entry, settings, usable_cpus())
    TuningStore(tmp_path / "data" / "tuning").write(record_of("base", fingerprint, plan, [Measurement(plan)]))
    return own_store, tmp_path / "data"


def started(data: Path, store: Path, **settings: str) -> Service:
    service = Service(data, store, {**AUTO, **settings})
    wait_until(service._ready_or_ended, "the service is ready", START_S)
    assert service.is_ready(), service.log_text()
    return service


def words_of(service: Service, clip: Path) -> str:
    with clip.open("rb") as file:
        answer = service.client.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "base"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"]).lower()


def engine_of(service: Service) -> dict[str, object]:
    return dict(service.client.get("/health/ready").json()["engine"])


def refusal(service: Service) -> httpx.Response | None:
    """The answer of the health once it says more than that the service is starting."""
    with suppress(httpx.TransportError):
        answer = service.client.get("/health/ready")
        return answer if answer.json().get("state") == "degraded" else None
    return None


def test_the_first_start_measures_and_the_second_takes_what_it_found(
    own_store: Path, tmp_path: Path, speech: Path
) -> None:
    first = started(tmp_path / "data", own_store)
    try:
        measured = [event["plan"] for event in first.events("plan_measured")]
        assert any("ONNX Runtime" in plan for plan in measured)
        assert any("CTranslate2" in plan for plan in measured)
        found = engine_of(first)
        assert found["measured_at"]
        stages = {stage["name"]: stage for stage in first.client.get("/health/startup").json()["stages"]}
        assert stages["tuning"]["detail"] == found["detail"]
        assert "ask what you can do for your country" in words_of(first, speech / JFK)
        models = {each["name"]: each for each in first.client.get("/api/v1/models").json()["models"]}
        assert models["base"]["runtime"] == found["runtime"]
        assert models["base-onnx-int8"]["in_use"] is (found["runtime"] == "onnxruntime")
        assert first.stop() == 0
    finally:
        first.end()
    second = started(tmp_path / "data", own_store)
    try:
        assert len(second.events("plan_measured")) == len(measured)  # the log goes on in the same file
        assert engine_of(second) == found
        assert second.stop() == 0
    finally:
        second.end()


def test_graphs_that_are_damaged_while_they_serve_are_made_again_and_nobody_notices(
    tuned: tuple[Path, Path], speech: Path
) -> None:
    store, data = tuned
    settings = {"MODELS__SOURCES": "hub", "MODELS__HUB_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    service = started(data, store, **{f"CARE_VOICE_{name}": value for name, value in settings.items()})
    try:
        assert engine_of(service)["graphs"] == "base-onnx-int8"
        assert service.events("plan_measured") == []
        # The encoder's weights are read from the mapped file while a window is computed: the worker gets a SIGBUS.
        for number, (name, size) in enumerate((("decoder.bin", 1_000_000), ("encoder.bin", 1_000)), 1):
            with (store / "views" / "base-onnx-int8" / name).open("r+b") as file:
                file.truncate(size)
            assert "ask what you can do for your country" in words_of(service, speech / JFK)
            wait_until(lambda count=number: len(service.events("model_mended")) >= count, "the graphs are made again")
        (worker,) = service.workers("engine")
        os.kill(worker, signal.SIGKILL)
        assert "ask what you can do for your country" in words_of(service, speech / JFK)
        assert engine_of(service)["runtime"] == "onnxruntime"
        refused = service.client.delete("/api/v1/models/base-onnx-int8")
        assert (refused.status_code, refused.json()["code"]) == (409, "model_in_use")
        assert service.stop() == 0
    finally:
        service.end()


def test_a_runtime_that_cannot_be_had_leaves_the_service_up_and_says_what_to_do(
    own_store: Path, tmp_path: Path
) -> None:
    values = {"CARE_VOICE_ENGINE__RUNTIME": "onnxruntime", "CARE_VOICE_ENGINE__COMPUTE_TYPE": "float32"}
    service = Service(tmp_path / "data", own_store, values)
    try:
        ready = wait_until(lambda: refusal(service), "the health says why", START_S)
        assert (ready.status_code, ready.json()["code"]) == (503, "runtime_unavailable")
        assert "CARE_VOICE_ENGINE__RUNTIME" in ready.json()["hint"]
        assert service.process.poll() is None
    finally:
        service.end()


def test_tune_shows_every_plan_and_keeps_the_best(own_store: Path, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "care_voice", "tune", "--json"],
        env=environment(tmp_path / "data", own_store, AUTO), capture_output=True, text=True, timeout=350, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert [each["plan"]["runtime"] for each in told["plans"]] == ["ctranslate2", "onnxruntime"]
    assert [each["chosen"] for each in told["plans"]].count(True) == 1
    assert all(each["latency_s"] > 0 for each in told["plans"])
    assert told["stored"]
    assert (tmp_path / "data" / "tuning" / "base.json").is_file()
