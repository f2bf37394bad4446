"""What is answered in place of a service that cannot start."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from care_voice.config import address_hint
from care_voice.domain.errors import SettingsInvalid
from care_voice.ops.waiting_room import WaitingRoom
from support.server import free_port

REASON = SettingsInvalid(name="CARE_VOICE_PORT", why="no such setting")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    port = free_port()
    room = WaitingRoom("127.0.0.1", port)
    room.open(REASON)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    room.close()


def test_it_is_alive_and_not_ready_and_says_why(client: httpx.Client) -> None:
    assert client.get("/health/live").json() == {"status": "live"}
    ready = client.get("/health/ready")
    body = ready.json()
    assert (ready.status_code, ready.headers["Content-Type"]) == (503, "application/problem+json")
    assert (body["code"], body["state"], body["status"]) == ("settings_invalid", "degraded", 503)
    assert "CARE_VOICE_PORT" in body["detail"]
    assert int(ready.headers["Retry-After"]) > 0


def test_everything_else_is_refused_alike(client: httpx.Client) -> None:
    answers = [client.request(method, "/v1/audio/transcriptions") for method in ("GET", "POST", "PATCH", "DELETE")]
    assert {answer.status_code for answer in answers} == {503}
    assert client.head("/").status_code == client.options("/").status_code == 503
    assert client.head("/health/live").status_code == 200


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_what_came_through_a_proxy_gets_the_code_alone(client: httpx.Client, name: str) -> None:
    body = client.get("/", headers={name: "10.0.0.7"}).json()
    assert body.keys() == {"type", "title", "status", "code", "state"}


def test_an_address_that_is_taken_is_left_alone(client: httpx.Client) -> None:
    second = WaitingRoom("127.0.0.1", client.base_url.port or 0)
    second.open(REASON)
    assert client.get("/health/live").status_code == 200
    second.close()


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({}, ("127.0.0.1", 3000)),
        ({"CARE_VOICE_API__HOST": "0.0.0.0", "CARE_VOICE_API__PORT": "8080"}, ("0.0.0.0", 8080)),
        ({"CARE_VOICE_API__PORT": "eighty"}, ("127.0.0.1", 3000)),
        ({"CARE_VOICE_API__PORT": "81", "CARE_VOICE_ENGINE": "x", "CARE_VOICE_NO_SUCH": "y"}, ("127.0.0.1", 81)),
    ],
)
def test_where_it_listens_is_read_from_settings_that_may_be_wrong(
    variables: dict[str, str], found: tuple[str, int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("data")
    assert address_hint({"CARE_VOICE_DATA_DIR": str(directory), **variables}) == found
    (directory / "care-voice.toml").write_text("[api]\nhost = '::1'\n", encoding="utf-8")
    host = variables.get("CARE_VOICE_API__HOST", "::1")
    assert address_hint({"CARE_VOICE_DATA_DIR": str(directory), **variables})[0] in (host, "127.0.0.1")
