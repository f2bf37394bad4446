"""What a slot cannot do the other one does, where that is safe; nothing is done twice where it is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.entrances import House, house, needs_haproxy
from support.slot_double import Act, cut_after_reading, cut_at_once, status

pytestmark = needs_haproxy

PROBLEM = b'{"code": "not_ready", "status": 503}'
REPEATABLE = [
    ("GET", "/api/v1/recordings", {}),
    ("PUT", "/api/v1/retention/rules", {}),
    ("DELETE", "/api/v1/recordings/1", {}),
    ("POST", "/v1/audio/transcriptions", {}),
    ("POST", "/api/v1/transcriptions", {}),
    ("POST", "/api/v1/recordings/1/complete", {}),
    ("POST", "/api/v1/recordings", {"Idempotency-Key": "1"}),
    ("POST", "/api/v1/recordings/1/jobs", {"Idempotency-Key": "1"}),
    ("PATCH", "/api/v1/uploads/1", {}),
]
ONCE = [
    ("POST", "/api/v1/recordings", {}),
    ("POST", "/api/v1/uploads", {}),
    ("POST", "/api/v1/recordings/1/transcripts/1/undo", {}),
    ("POST", "/api/v1/webhooks", {"Idempotency-Key": "1"}),
    ("PATCH", "/api/v1/recordings/1", {}),
]
BODY = b"x" * 900_000


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Both slots take requests."""
    with house(tmp_path_factory.mktemp("entrance")) as built:
        built.entrance.set_weights({"blue": 100, "green": 100})
        built.wait_up("blue", "green")
        yield built


@pytest.fixture
def pair(shared: House) -> Iterator[House]:
    yield shared
    for slot in (shared.blue, shared.green):
        slot.act = slot.__class__.act
        slot.requests.clear()


def send(house: House, request: tuple[str, str, dict[str, str]], body: bytes = b"some") -> int:
    method, path, headers = request
    content = None if method in ("GET", "DELETE") else body
    return house.client.request(method, path, headers=headers, content=content).status_code


@pytest.mark.parametrize("fault", [status(500), status(503, PROBLEM), cut_at_once, cut_after_reading])
@pytest.mark.parametrize("request_", REPEATABLE, ids=lambda each: " ".join(each[:2]))
def test_a_slot_that_fails_costs_nobody_anything(
    pair: House, fault: Act, request_: tuple[str, str, dict[str, str]]
) -> None:
    pair.green.act = fault

    assert [send(pair, request_) for _ in range(6)] == [200] * 6
    assert pair.green.requests


@pytest.mark.parametrize("request_", ONCE, ids=lambda each: " ".join(each[:2]))
@pytest.mark.parametrize(("fault", "answered"), [(status(500), 500), (cut_after_reading, 502)])
def test_what_is_not_safe_to_do_twice_is_done_once(
    pair: House, fault: Act, answered: int, request_: tuple[str, str, dict[str, str]]
) -> None:
    pair.blue.act = pair.green.act = fault

    assert [send(pair, request_) for _ in range(4)] == [answered] * 4
    assert len(pair.blue.requests) + len(pair.green.requests) == 4


@pytest.mark.parametrize("body", [b"{}", BODY], ids=["small", "large"])
def test_a_slot_that_breaks_off_while_the_body_comes_is_answered_for(pair: House, body: bytes) -> None:
    pair.blue.act = pair.green.act = cut_at_once

    assert [send(pair, ONCE[0], body) for _ in range(6)] == [502] * 6


def test_a_body_of_nearly_a_mebibyte_is_sent_again(pair: House) -> None:
    pair.green.act = cut_after_reading

    answers = [pair.client.post("/v1/audio/transcriptions", content=BODY).json() for _ in range(4)]

    assert [answer["received"] for answer in answers] == [len(BODY)] * 4
    assert pair.green.requests
