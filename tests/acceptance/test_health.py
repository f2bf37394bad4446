"""What the health says, to whom, and that it notices by itself what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import Service, running_service
from support.waiting import wait_until

STRANGER = {"X-Forwarded-For": "203.0.113.9"}
PROBES = ("/health", "/health/ready", "/health/startup", "/health/models/base")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, model_store: Path) -> Iterator[Service]:
    with running_service(tmp_path_factory.mktemp("data"), model_store, LIFECYCLE__SELF_TEST_EVERY_S="1") as running:
        yield running


def test_a_stranger_gets_a_status_and_nothing_else(service: Service) -> None:
    for path in PROBES:
        answer = service.client.get(path, headers=STRANGER)
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"}), path
    assert service.client.get("/health/live", headers=STRANGER).json() == {"status": "live"}
    refused = service.client.get("/metrics", headers=STRANGER)
    assert (refused.status_code, refused.json()["code"]) == (401, "operator_only")
    assert refused.headers["WWW-Authenticate"] == "Bearer"


def test_whoever_runs_the_service_gets_everything_by_a_token(service: Service) -> None:
    token = (service.data_dir / "operator.token").read_text(encoding="ascii").strip()
    headers = {**STRANGER, "Authorization": f"Bearer {token}"}
    body = service.client.get("/health", headers=headers).json()

    assert (body["status"], body["reason"], body["warning"]) == ("ready", None, None)
    assert {stage["state"] for stage in body["start"]["stages"]} == {"done"}
    assert [stage["name"] for stage in body["start"]["stages"]] == [
        "settings", "directories", "disk", "memory", "devices", "database", "model", "tuning",
        "media_worker", "engine_worker", "self_test",
    ]  # fmt: skip
    assert (body["database"]["status"], body["disk"]["level"]) == ("ok", "ample")
    assert body["models"]["base"]["files"]["state"] == "installed"
    assert service.client.get("/metrics", headers=headers).status_code == 200


def test_the_machine_itself_needs_no_token_and_a_model_that_is_not_served_has_no_health(service: Service) -> None:
    model = service.client.get("/health/models/base").json()
    assert (model["status"], model["workers"], model["engine"]["runtime"]) == ("ready", 1, "ctranslate2")
    missing = service.client.get("/health/models/large-v3")
    assert (missing.status_code, missing.json()["code"]) == (404, "model_not_found")


def test_every_stage_of_the_start_is_logged_with_its_time(service: Service) -> None:
    logged = {line["stage"]: line["seconds"] for line in service.events("stage_done")}
    shown = {stage["name"]: stage["seconds"] for stage in service.client.get("/health/startup").json()["stages"]}
    assert logged == shown


def test_an_idle_service_proves_itself_again(service: Service) -> None:
    before = service.metric("care_voice_transcriptions_total", outcome="done")
    wait_until(
        lambda: service.metric("care_voice_transcriptions_total", outcome="done") >= before + 2, "two more self-tests"
    )
    assert service.is_ready()
    assert service.client.get("/health").json()["self_test"]["passed_at"] is not None
