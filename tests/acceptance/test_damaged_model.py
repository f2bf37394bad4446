"""The failure that this project exists to prevent: a model directory that is empty, cut short, or wrong by one bit."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from care_voice.domain.model_errors import ModelNotInstalled
from care_voice.models.build import build_puller
from care_voice.models.report import Verified
from care_voice.models.settings import ModelSettings
from support.hub import Hub, serving_hub
from support.ports import free_port
from support.server import Service
from support.waiting import wait_until

StartService = Callable[..., Service]
JFK = "en/jfk.flac"


def empty(store: Path) -> None:
    """As when a volume is mounted over the models, or a container was built without them."""
    for entry in store.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def truncate(store: Path) -> None:
    """As when a copy was broken off."""
    with (store / "views" / "base" / "model.bin").open("r+b") as file:
        file.truncate(10_000_000)


def flip_one_bit(store: Path) -> None:
    """As when a disk forgets."""
    with (store / "views" / "base" / "model.bin").open("r+b") as file:
        file.seek(77_777_777)
        byte = file.read(1)[0]
        file.seek(77_777_777)
        file.write(bytes([byte ^ 1]))


DAMAGES = {"emptied": empty, "truncated": truncate, "one bit flipped": flip_one_bit}
damages = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())


def is_whole(store: Path) -> bool:
    try:
        return build_puller(ModelSettings(directory=store)).store.verify("base").ok
    except ModelNotInstalled:
        return False


def words_of(service: Service, clip: Path) -> str:
    with clip.open("rb") as file:
        answer = service.client.post("/v1/audio/transcriptions", files={"file": file}, data={"model": "base"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["text"]).lower()


@damages
def test_a_service_that_finds_a_damaged_model_pulls_it_again_and_becomes_ready(
    damage: Callable[[Path], None], own_store: Path, hub: Hub, start_service: StartService, speech: Path
) -> None:
    damage(own_store)
    assert not is_whole(own_store)
    service = start_service(own_store, MODELS__SOURCES="hub", MODELS__HUB_ENDPOINT=hub.url)
    service.wait_ready()
    assert is_whole(own_store)
    assert "model.bin" in hub.served
    assert "ask what you can do for your country" in words_of(service, speech / JFK)


@damages
def test_a_running_service_says_what_is_wrong_and_mends_it_without_stopping_to_serve(
    damage: Callable[[Path], None], own_store: Path, hub: Hub, start_service: StartService, speech: Path
) -> None:
    service = start_service(
        own_store, MODELS__SOURCES="hub", MODELS__HUB_ENDPOINT=hub.url, LIFECYCLE__WATCH_INTERVAL_S="0.2"
    )
    service.wait_ready()
    damage(own_store)
    assert "ask what you can do for your country" in words_of(service, speech / JFK)
    wait_until(lambda: service.events("model_mended"), "the model is mended")
    complaint = service.events("model_needs_mending")[0]["damage"]
    assert "base" in complaint
    assert "damaged" in complaint or "not installed" in complaint
    assert is_whole(own_store)
    assert service.is_ready()


def test_no_worker_loads_a_model_that_was_damaged_while_the_service_ran(
    own_store: Path, start_service: StartService
) -> None:
    service = start_service(own_store, MODELS__SOURCES="hub", MODELS__HUB_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    service.wait_ready()
    (worker,) = service.workers("engine")
    flip_one_bit(own_store)
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: not service.is_ready(), "the service says that it is not ready")
    answer = wait_until(
        lambda: (got := service.client.get("/health/ready")).json().get("code") == "not_ready" and got, "a reason"
    )
    assert answer.status_code == 503
    wait_until(lambda: service.events("worker_start_failed"), "a start was refused")
    assert {event["cause"] for event in service.events("worker_start_failed")} == {"model_damaged"}
    assert service.workers("engine") == []
    assert service.process.poll() is None


def test_with_no_source_in_reach_the_service_stays_up_degraded_and_recovers_by_itself(
    own_store: Path, verified_model: Verified, start_service: StartService, speech: Path
) -> None:
    empty(own_store)
    port = free_port()
    service = start_service(
        own_store,
        MODELS__SOURCES="hub",
        MODELS__HUB_ENDPOINT=f"http://127.0.0.1:{port}",
        LIFECYCLE__RETRY_FIRST_S="0.5",
        LIFECYCLE__RETRY_MAX_S="1",
    )
    wait_until(lambda: len(service.events("start_failed")) >= 3, "the start was tried again")
    ready = service.client.get("/health/ready")
    assert (ready.status_code, ready.json()["state"], ready.json()["code"]) == (503, "degraded", "all_sources_failed")
    assert service.client.get("/health/live").status_code == 200
    stages = {stage["name"]: stage for stage in service.client.get("/health/startup").json()["stages"]}
    assert stages["model"]["error"]["code"] == "all_sources_failed" or stages["model"]["state"] == "running"
    refused = service.client.post("/v1/audio/transcriptions", files={"file": b"x"}, data={"model": "base"})
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert service.process.poll() is None
    with serving_hub(verified_model.view, port):
        wait_until(service.is_ready, "the service is ready once the hub is back")
    assert "ask what you can do for your country" in words_of(service, speech / JFK)


def test_a_mistake_in_the_list_of_own_models_is_told_and_stops_nothing(
    own_store: Path, start_service: StartService, speech: Path
) -> None:
    (own_store / "models.toml").write_text("[models.ward]\ndirectory = 3\n", encoding="utf-8")
    service = start_service(own_store)
    service.wait_ready()
    warning = service.client.get("/health/ready").json()["warning"]
    assert warning["code"] == "catalogue_invalid"
    assert "ward" in warning["detail"]
    assert "ask what you can do for your country" in words_of(service, speech / JFK)
