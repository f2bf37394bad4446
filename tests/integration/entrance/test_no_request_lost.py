"""Whatever happens to a slot or to the entrance's settings, clients that never try again are answered."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.entrances import House, house, needs_haproxy
from support.load import Load, Send, under_load
from support.slot_double import cut_after_reading, status
from support.waiting import wait_until

pytestmark = [
    needs_haproxy,
    # A slot's double dies while it accepts: CPython 3.11's asyncio then drops a transport that it has half made.
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in.*(_SelectorTransport|socket):pytest.PytestUnraisableExceptionWarning"
    ),
]

SOUND = b"s" * 200_000
TESTS = str(Path(__file__).resolve().parents[2])


@pytest.fixture
def built(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as built:
        yield built


def get(client: httpx.Client) -> httpx.Response:
    return client.get("/api/v1/recordings")


def transcribe(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/audio/transcriptions", content=SOUND)


def append(client: httpx.Client) -> httpx.Response:
    return client.patch("/api/v1/uploads/1", content=SOUND[:10_000])


MIXED: list[Send] = [get, transcribe, append]


def more_of(load: Load, count: int = 60) -> None:
    """Wait for so many more requests."""
    seen = load.total
    wait_until(lambda: load.total >= seen + count, f"{count} more requests")


def test_reloads_and_changes_of_weights_cost_nothing(built: House) -> None:
    with under_load(built.url, MIXED) as load:
        for turn in range(3):
            more_of(load)
            assert not built.changed(idle_s=50 + turn).ensure()
            built.entrance.set_weights({"green": 100 * (turn % 2), "blue": 100 * (1 - turn % 2)})
        more_of(load)

    assert load.failures == {}


def test_a_slot_that_is_killed_costs_nothing(built: House) -> None:
    built.green.die()
    command = [sys.executable, "-m", "support.slot_double", "green", str(built.settings.green_port)]
    with under_load(built.url, MIXED) as load:
        for _ in range(3):
            with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": TESTS}) as process:
                built.entrance.set_weights({"blue": 100, "green": 100})
                built.wait_up("green")
                more_of(load)
                process.kill()
            more_of(load)

    assert load.failures == {}


def test_requests_wait_while_the_only_slot_restarts(built: House) -> None:
    built.entrance.set_maintenance("green")
    with under_load(built.url, [*MIXED, lambda client: client.post("/api/v1/webhooks", content=b"{}")]) as load:
        more_of(load)
        built.blue.die()
        wait_until(lambda: built.entrance.stats()["blue"].state == "down", "the check has seen it")
        built.blue.start()
        more_of(load)

    # The one that is not safe to send again may have been under way.
    assert set(load.failures) <= {"502"}
    assert sum(load.failures.values()) <= 1


def test_nobody_waits_for_ever(tmp_path: Path) -> None:
    with house(tmp_path, wait_s=1) as built:
        built.blue.die()
        answer = built.client.get("/", headers={"X-Request-ID": "mine"})
        built.blue.start()

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    problem = answer.json()
    assert (problem["code"], problem["status"], problem["request_id"]) == ("no_slot", 503, "mine")


def test_a_slot_that_is_not_ready_answers_for_itself(built: House) -> None:
    built.entrance.set_maintenance("green")
    built.blue.ready = False
    wait_until(lambda: built.entrance.stats()["blue"].state == "down", "the check has seen it")
    page = built.client.get("/")
    built.blue.act = status(503, b'{"code": "not_ready"}', Retry_After="7")
    refused = built.client.post("/v1/audio/transcriptions", content=SOUND)

    assert page.json()["slot"] == "blue"
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "not_ready", "7")
    assert len(built.blue.requests) == 2


def test_what_the_only_slot_answers_is_not_asked_for_again(built: House) -> None:
    built.entrance.set_maintenance("green")
    built.blue.act = status(500)

    assert built.client.post("/v1/audio/transcriptions", content=SOUND).status_code == 500
    assert len(built.blue.requests) == 1


def test_a_slot_that_is_not_ready_gets_nothing_while_the_other_one_is(built: House) -> None:
    built.entrance.set_weights({"blue": 100, "green": 100})
    built.wait_up("blue", "green")
    built.green.ready = False
    wait_until(lambda: built.entrance.stats()["green"].state == "down", "the check has seen it")

    assert {built.client.get("/").json()["slot"] for _ in range(6)} == {"blue"}


def test_two_that_fail_alike_are_asked_a_few_times_and_no_more(built: House) -> None:
    built.entrance.set_weights({"blue": 100, "green": 100})
    built.wait_up("blue", "green")
    built.blue.act = built.green.act = cut_after_reading

    assert built.client.get("/").status_code == 502
    assert len(built.blue.requests) + len(built.green.requests) == 4
