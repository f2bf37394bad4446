"""Models over HTTP: the real service, a real store, a hub on this machine whose bodies can be held up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from care_voice.models.report import Verified
from support.events import Event, read_events
from support.hub import Hub, serving_hub
from support.own_model import FILES, NAME, REVISION, pulling_from, store_with_own_model, view_of_own_model
from support.server import Service, running_service
from support.waiting import wait_until

MODELS = "/api/v1/models"
OWN = f"{MODELS}/{NAME}"
PROGRESS = {"phase", "file", "source", "done_bytes", "total_bytes", "rate_bytes_s", "eta_s"}
PROBLEM = {"type", "title", "status", "detail", "code", "hint", "param", "request_id"}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A hub that has the operator's own model."""
    with serving_hub(view_of_own_model(tmp_path_factory.mktemp("hub") / "view")) as running:
        yield running


@pytest.fixture(scope="module")
def store(model_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_with_own_model(model_store, tmp_path_factory.mktemp("store") / "models")


@pytest.fixture(scope="module")
def running(hub: Hub, store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("service"), store, **pulling_from(hub)) as service:
        yield service


@pytest.fixture
def service(running: Service, hub: Hub) -> Iterator[Service]:
    """A service without the own model, and a hub that holds nothing up; so again afterwards."""
    hub.gate.set()
    yield running
    hub.gate.set()
    running.client.delete(f"{OWN}/operation")
    assert running.client.delete(OWN).status_code in (204, 404)


def model(service: Service, name: str = NAME) -> dict[str, Any]:
    body: dict[str, Any] = service.client.get(f"{MODELS}/{name}").json()
    return body


def pull(service: Service) -> dict[str, Any]:
    answer = service.client.post(f"{OWN}/pull")
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


@contextmanager
def following(service: Service, **headers: str) -> Iterator[Iterator[Event]]:
    with service.client.stream("GET", f"{OWN}/events", headers=headers) as stream:
        assert stream.status_code == 200
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        yield read_events(stream.iter_lines())


def halfway(events: Iterator[Event]) -> Event:
    """Wait until a part of the weights has come; what comes after their middle is held up."""
    return next(event for event in events if event.data["done_bytes"] >= len(FILES["model.bin"]) // 4)


def installed(service: Service) -> None:
    pull(service)
    with following(service) as events:
        assert list(events)[-1].name == "done"


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code), body
    assert set(body) == PROBLEM


def test_the_list_shows_the_catalogue_what_is_installed_and_the_disk(service: Service) -> None:
    body = service.client.get(MODELS).json()
    models = {each["name"]: each for each in body["models"]}
    assert list(models)[:3] == ["tiny", "tiny.en", "base"]
    assert list(models)[-1] == NAME
    base = models["base"]
    assert (base["state"], base["in_use"], base["languages"], base["why"]) == ("installed", True, "multilingual", "")
    assert base["size_bytes"] == base["own_bytes"] == 147_882_941
    assert base["verified_at"] >= base["pulled_at"]
    assert (models["small"]["state"], models["small"]["pulled_at"]) == ("not_installed", None)
    assert models["small"]["memory_bytes"] > models["small"]["size_bytes"]
    assert models[NAME]["note"] == "Our own."
    assert body["disk"]["blobs_bytes"] == base["own_bytes"]
    assert body["disk"]["free_bytes"] > 0
    assert model(service, "base") == base


def test_what_the_list_says_is_what_the_description_promises(service: Service) -> None:
    schemas = service.client.get("/openapi.json").json()["components"]["schemas"]
    installed(service)
    body = service.client.get(MODELS).json()
    assert set(body) == set(schemas["ModelList"]["required"])
    assert set(body["disk"]) == set(schemas["ModelList"]["properties"]["disk"]["required"])
    for each in body["models"]:
        assert set(each) == set(schemas["Model"]["required"])
        assert set(each["signature"]) == set(schemas["Model"]["properties"]["signature"]["required"])
    operation = model(service)["operation"]
    assert set(operation) == set(schemas["ModelOperation"]["required"])
    assert set(operation["progress"]) == set(schemas["ModelProgress"]["required"]) == PROGRESS
    refusal = service.client.get(f"{MODELS}/none").json()
    assert set(refusal) == set(schemas["Problem"]["required"])


def test_a_pull_is_followed_from_its_start_to_its_end(service: Service, hub: Hub) -> None:
    hub.gate.clear()
    operation = pull(service)
    assert (operation["kind"], operation["started_by"], operation["state"]) == ("pull", "request", "running")
    with following(service) as events:
        event = halfway(events)
        assert event.name == "progress"
        assert set(event.data) == {"kind", "cancelling", *PROGRESS}
        assert (event.data["phase"], event.data["file"], event.data["source"]) == ("downloading", "model.bin", "hub")
        assert event.data["total_bytes"] == sum(map(len, FILES.values()))
        assert model(service)["state"] == "busy"
        hub.gate.set()
        rest = list(events)
    assert [each.name for each in rest[:-1]] == ["progress"] * (len(rest) - 1)
    assert (rest[-1].name, rest[-1].data["state"], rest[-1].data["id"]) == ("done", "done", operation["id"])
    numbers = [int(each.id.rsplit("-", 1)[1]) for each in (event, *rest)]
    assert numbers == sorted(set(numbers))
    assert all(each.id.startswith(operation["id"]) for each in rest)
    view = model(service)
    assert (view["state"], view["source"], view["revision"]) == ("installed", "hub", REVISION)
    assert view["pulled_by"]
    assert view["operation"]["ended_at"] >= view["operation"]["started_at"]


def test_two_follow_one_pull_and_a_third_comes_late(service: Service, hub: Hub) -> None:
    hub.gate.clear()
    first, second = pull(service), pull(service)
    assert first["id"] == second["id"]
    with following(service) as one:
        halfway(one)
        with following(service) as two:
            assert halfway(two).data["phase"] == "downloading"
            hub.gate.set()
            last_of_two = list(two)[-1]
        last_of_one = list(one)[-1]
    with following(service) as three:
        assert list(three) == [last_of_one] == [last_of_two]


def test_who_asks_again_after_the_end_is_told_to_stop(service: Service) -> None:
    with following(service) as events:
        assert [(each.id, each.name) for each in events] == [("idle", "idle")]
    assert service.client.get(f"{OWN}/events", headers={"Last-Event-ID": "idle"}).status_code == 204
    installed(service)
    with following(service, **{"Last-Event-ID": "idle"}) as events:
        (end,) = events
    assert end.name == "done"
    assert service.client.get(f"{OWN}/events", headers={"Last-Event-ID": end.id}).status_code == 204


def test_a_cancelled_pull_leaves_nothing_under_a_final_name_and_is_gone_on_with(
    service: Service, hub: Hub, store: Path
) -> None:
    hub.gate.clear()
    pull(service)
    with following(service) as events:
        halfway(events)
        assert service.client.delete(f"{OWN}/operation").status_code == 204
        end = list(events)[-1]
    assert (end.name, end.data["code"]) == ("error", "pull_cancelled")
    view = model(service)
    assert (view["state"], view["operation"]["state"]) == ("not_installed", "cancelled")
    assert not (store / "views" / NAME).exists()
    assert service.client.delete(f"{OWN}/operation").status_code == 204
    hub.gate.set()
    installed(service)
    assert {path.name: path.read_bytes() for path in (store / "views" / NAME).iterdir()} == FILES


def test_what_runs_keeps_others_away(service: Service, hub: Hub) -> None:
    hub.gate.clear()
    pull(service)
    with following(service) as events:
        halfway(events)
        refused(service.client.delete(OWN), 409, "model_busy")
        refused(service.client.delete(f"{MODELS}/base"), 409, "model_in_use")
        hub.gate.set()
        list(events)
    installed(service)
    assert service.client.delete(OWN).status_code == 204
    assert model(service)["state"] == "not_installed"
    assert model(service, "base")["state"] == "installed"


def test_what_is_not_there_is_a_404(service: Service) -> None:
    client = service.client
    refused(client.get(f"{MODELS}/none"), 404, "model_unknown")
    refused(client.get(f"{MODELS}/none/events"), 404, "model_unknown")
    refused(client.post(f"{MODELS}/none/pull"), 404, "model_unknown")
    refused(client.post(f"{MODELS}/none/verify"), 404, "model_unknown")
    refused(client.delete(f"{MODELS}/none/operation"), 404, "model_unknown")
    refused(client.delete(f"{MODELS}/none"), 404, "model_unknown")
    refused(client.post(f"{OWN}/verify"), 404, "model_not_installed")
    refused(client.delete(OWN), 404, "model_not_installed")
    refused(client.get(f"{MODELS}/{'x' * 5000}"), 404, "model_unknown")
    assert client.get(f"{MODELS}/..%2f..%2fetc").status_code == 404


def test_a_wrong_byte_is_found_shown_and_mended(service: Service, hub: Hub, store: Path) -> None:
    installed(service)
    weights = store / "views" / NAME / "model.bin"
    weights.chmod(0o644)
    weights.write_bytes(FILES["model.bin"][:-1] + b"\0")
    assert service.client.post(f"{OWN}/verify").status_code == 202
    with following(service) as events:
        end = list(events)[-1]
    assert (end.name, end.data["code"]) == ("error", "model_damaged")
    assert end.data["hint"]
    assert set(end.data) == PROBLEM
    view = model(service)
    assert (view["state"], view["operation"]["error"]["code"]) == ("damaged", "model_damaged")
    assert "model.bin" in view["why"]
    hub.served.clear()
    installed(service)
    assert hub.served == ["model.bin"]
    assert weights.read_bytes() == FILES["model.bin"]
    assert model(service)["state"] == "installed"


def test_a_pull_that_fails_says_why_until_the_next_one(service: Service) -> None:
    assert service.client.post(f"{MODELS}/tiny/pull").status_code == 202
    view = wait_until(lambda: ended(service, "tiny"), "the pull of a model that the hub lacks has failed")
    error = view["operation"]["error"]
    assert (view["state"], view["operation"]["state"], error["code"]) == (
        "not_installed",
        "failed",
        "all_sources_failed",
    )
    assert error["hint"]
    assert service.metric("care_voice_model_operations_total", model="tiny", kind="pull", outcome="failed") == 1


def ended(service: Service, name: str) -> dict[str, Any] | None:
    view = model(service, name)
    return view if view["operation"] and view["operation"]["state"] != "running" else None


def test_a_page_of_another_site_starts_nothing(service: Service) -> None:
    answer = service.client.post(f"{OWN}/pull", headers={"Origin": "http://elsewhere.example"})
    refused(answer, 403, "foreign_origin")
    assert model(service)["operation"] is None


def test_a_pull_does_not_keep_the_service_from_stopping(hub: Hub, model_store: Path, tmp_path: Path) -> None:
    store = store_with_own_model(model_store, tmp_path / "models")
    hub.gate.clear()
    with running_service(tmp_path / "data", store, **pulling_from(hub)) as service:
        pull(service)
        with following(service) as events:
            halfway(events)
            stopping = Thread(target=service.stop)
            stopping.start()
            end = list(events)[-1]
            stopping.join()
        assert (end.name, end.data["code"]) == ("error", "pull_cancelled")
        assert service.process.returncode == 0
    assert not (store / "views" / NAME).exists()
    hub.gate.set()


def test_the_pull_of_the_served_model_at_the_start_is_shown_too(verified_model: Verified, tmp_path: Path) -> None:
    with serving_hub(verified_model.view) as hub:
        hub.gate.clear()
        settings = {f"CARE_VOICE_{name}": value for name, value in pulling_from(hub).items()}
        service = Service(tmp_path / "data", tmp_path / "models", settings)
        try:
            operation = wait_until(lambda: downloading(service), "the service pulls the model that it serves")
            assert (operation["kind"], operation["started_by"]) == ("pull", "service")
            assert model(service, "base")["state"] == "busy"
            refused(service.client.delete(f"{MODELS}/base/operation"), 409, "model_in_use")
            hub.gate.set()
            service.wait_ready()
            assert model(service, "base")["operation"]["state"] == "done"
            assert service.stop() == 0
        finally:
            service.end()


def downloading(service: Service) -> dict[str, Any] | None:
    try:
        operation = model(service, "base")["operation"]
    except httpx.TransportError:
        return None
    return operation if operation and operation["progress"]["done_bytes"] > 1_000_000 else None
