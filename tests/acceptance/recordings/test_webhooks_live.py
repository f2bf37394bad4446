"""Webhooks of the real service: over HTTP, on the command line, and sent although the service is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from care_voice.domain.ids import new_id
from care_voice.domain.recordings import Wish
from care_voice.store import events, recordings
from care_voice.store.database import Connection
from care_voice.store.opening import open_database
from care_voice.store.settings import StoreSettings
from support import receiver as acts
from support.receiver import Receiver, receiving
from support.server import Service, environment
from support.waiting import wait_until

SETTINGS = {
    "CARE_VOICE_WEBHOOKS__ALLOW_PRIVATE": "true",
    "CARE_VOICE_WEBHOOKS__TIMEOUT_S": "2",
    "CARE_VOICE_WEBHOOKS__LEASE_S": "7",
    "CARE_VOICE_WEBHOOKS__POLL_S": "0.2",
}
PATH = "/api/v1/webhooks"


def started(data_dir: Path, model_store: Path) -> Service:
    """A service that answers; webhooks do not wait for the model."""
    service = Service(data_dir, model_store, SETTINGS)
    try:
        wait_until(lambda: answers(service), f"it answers, see {service.log}")
    except BaseException:
        service.end()
        raise
    return service


def answers(service: Service) -> bool:
    try:
        return service.client.get(PATH).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("webhooks")


@pytest.fixture(scope="module")
def live(data_dir: Path, model_store: Path) -> Iterator[Service]:
    service = started(data_dir, model_store)
    yield service
    service.end()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def happen(data_dir: Path, kind: str = "recording.created") -> str:
    """A recording and an event, written by another process than the service."""
    database = open_database(StoreSettings(), data_dir)

    def work(connection: Connection) -> str:
        recording_id = new_id("rec", connection.now)
        recordings.insert(connection, recording_id, client="a", source="upload", wish=Wish(), title="林太太")
        events.append(connection, recording_id, kind, {"title": "林太太"})
        return recording_id

    try:
        return database.write(work)
    finally:
        database.close()


def ended(service: Service, webhook_id: str) -> dict[str, Any]:
    """The newest delivery, once it is over."""

    def newest() -> dict[str, Any] | None:
        items = service.client.get(f"{PATH}/{webhook_id}/deliveries").json()["items"]
        return items[0] if items and items[0]["ended_at"] else None

    found = wait_until(newest, "the delivery is over")
    assert found is not None
    return found


def added(service: Service, receiver: Receiver, **about: object) -> dict[str, Any]:
    response = service.client.post(PATH, json={"url": receiver.url, **about})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def test_an_endpoint_is_told_tested_and_looked_into(live: Service, data_dir: Path, receiver: Receiver) -> None:
    webhook = added(live, receiver, events=["recording.*"], description="CRM")
    receiver.misbehave(acts.status(500))
    ping = live.client.post(f"{PATH}/{webhook['id']}/ping").json()
    recording_id = happen(data_dir)
    delivery = ended(live, webhook["id"])
    full = live.client.get(f"{PATH}/{webhook['id']}/deliveries/{delivery['id']}").json()

    assert (ping["state"], ping["event"], [each["status"] for each in ping["log"]]) == ("failed", "webhook.ping", [500])
    assert (full["state"], full["attempts"], full["message"]["data"]["recording_id"]) == ("delivered", 1, recording_id)
    assert receiver.messages[-1].verified(webhook["secret"]) == full["message"]
    assert "林" not in receiver.messages[-1].body
    assert "secret" not in live.client.get(f"{PATH}/{webhook['id']}").json()

    again = live.client.post(f"{PATH}/{webhook['id']}/deliveries/{delivery['id']}/resend")
    assert again.status_code == 202
    wait_until(lambda: len(receiver.messages) == 3, "it was sent again")
    assert receiver.messages[1].id == receiver.messages[2].id
    assert live.client.post(f"{PATH}/{webhook['id']}/resend").json() == {"queued": 1}
    assert live.client.delete(f"{PATH}/{webhook['id']}").status_code == 204
    assert live.client.get(f"{PATH}/{webhook['id']}").json()["code"] == "webhook_not_found"


def test_nothing_that_is_secret_is_in_the_log_of_the_service(live: Service, data_dir: Path, receiver: Receiver) -> None:
    webhook = added(live, receiver)
    happen(data_dir)
    ended(live, webhook["id"])

    line = next(each for each in live.events("webhook_delivered") if each["webhook"] == webhook["id"])
    assert (line["status"], line["kind"]) == (204, "recording.created")
    for secret in (webhook["secret"], "of-the-url", "林太太"):
        assert secret not in live.log_text()
    assert live.metric("care_voice_webhook_tries_total", outcome="ok") >= 1
    live.client.delete(f"{PATH}/{webhook['id']}")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        (b"{", 400, "invalid_parameter", "body"),
        (b"[]", 400, "invalid_parameter", "body"),
        (b"{}", 400, "missing_parameter", "url"),
        (b'{"url": 5}', 400, "invalid_parameter", "url"),
        (b'{"url": "https://a.example/", "secret": "x"}', 400, "unsupported_parameter", "secret"),
        (b'{"url": "http://127.0.0.1/", "events": "job.done"}', 400, "invalid_parameter", "events"),
        (b'{"url": "http://127.0.0.1/", "events": ["job.started", "job.nothing"]}', 400, "invalid_parameter", "events"),
        (b'{"url": "ftp://127.0.0.1/"}', 422, "webhook_url_refused", "url"),
        (b'{"url": "http://169.254.169.254/"}', 422, "webhook_url_refused", "url"),
        (b'{"description": "' + b"x" * 1_100_000 + b'"}', 400, "invalid_parameter", "body"),
    ],
)
def test_a_body_that_does_not_fit_is_told_by_its_field(
    live: Service, body: bytes, status: int, code: str, param: str
) -> None:
    response = live.client.post(PATH, content=body)

    assert (response.status_code, response.json()["code"], response.json()["param"]) == (status, code, param)


@pytest.mark.parametrize(
    ("query", "param"), [("limit=0", "limit"), ("limit=x", "limit"), ("cursor=%00", "cursor"), ("state=odd", "state")]
)
def test_a_query_that_does_not_fit_is_told_by_its_field(
    live: Service, receiver: Receiver, query: str, param: str
) -> None:
    webhook = added(live, receiver)
    response = live.client.get(f"{PATH}/{webhook['id']}/deliveries?{query}")
    live.client.delete(f"{PATH}/{webhook['id']}")

    assert (response.status_code, response.json()["param"]) == (400, param)


@pytest.mark.parametrize("name", ["nothing", "%00", "whk_" + "0" * 26])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "{}"), ("PATCH", "{}"), ("DELETE", "{}"), ("POST", "{}/rotate"), ("POST", "{}/ping"),
        ("GET", "{}/deliveries"), ("POST", "{}/resend"), ("GET", "{}/deliveries/{}"),
        ("POST", "{}/deliveries/{}/resend"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(live: Service, method: str, path: str, name: str) -> None:
    response = live.client.request(method, f"{PATH}/{path.replace('{}', name)}")

    # An address with a NUL in it is refused before anything is looked up.
    code = "not_found" if name == "%00" else "webhook_not_found"
    assert (response.status_code, response.json()["code"]) == (404, code)


def test_the_command_line_does_the_same_beside_a_running_server(
    live: Service, data_dir: Path, model_store: Path, receiver: Receiver
) -> None:
    def verb(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "care_voice", "webhooks", *arguments], check=False, capture_output=True, text=True,
            env=environment(data_dir, model_store, SETTINGS), timeout=60,
        )  # fmt: skip

    webhook_id, secret = verb("add", receiver.url, "-e", "job.*", "--description", "CRM").stdout.split()
    tested = verb("test", webhook_id)
    assert (tested.returncode, tested.stdout.split(" (")[0]) == (0, "delivered: it answered 204")
    assert receiver.messages[0].verified(secret)["type"] == "webhook.ping"

    receiver.misbehave(acts.status(500))
    assert verb("test", webhook_id).returncode == 1
    assert verb("resend", webhook_id).stdout == "1 queued.\n"
    wait_until(lambda: len(receiver.messages) == 3, "the server sent it again")
    assert verb("log", webhook_id, "--json").stdout.count('"event": "webhook.ping"') == 2
    verb("disable", webhook_id)
    assert "somebody switched it off" in verb("list", "--json").stdout
    assert secret not in verb("list", "--json").stdout
    assert verb("rotate", webhook_id).stdout.startswith("whsec_")
    assert verb("rm", webhook_id).returncode == 0
    gone = verb("test", webhook_id)
    assert (gone.returncode, gone.stderr.startswith("Error: There is no webhook")) == (1, True)


def test_what_a_killed_service_was_sending_is_sent_by_the_next_one(
    tmp_path: Path, model_store: Path, receiver: Receiver
) -> None:
    receiver.misbehave(acts.hang)
    first = started(tmp_path, model_store)
    try:
        webhook = added(first, receiver)
        happen(tmp_path)
        wait_until(lambda: receiver.messages, "the message is being delivered")
    finally:
        first.process.kill()
        first.end()
    second = started(tmp_path, model_store)
    try:
        delivery = ended(second, webhook["id"])
        full = second.client.get(f"{PATH}/{webhook['id']}/deliveries/{delivery['id']}").json()
    finally:
        second.end()

    assert [each.id for each in receiver.messages] == [delivery["id"]] * 2
    assert [each["status"] for each in full["log"]] == [None, 204]
    assert full["log"][0]["error"] == "the process that was sending it went away"
    for message in receiver.messages:
        message.verified(webhook["secret"])
