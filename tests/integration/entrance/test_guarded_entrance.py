"""What the entrance lets in, what it tells the slots of clients, and what it answers itself."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.entrances import House, house, needs_haproxy
from support.server import free_port
from support.slot_double import cut_after_reading
from support.tls import certificate_of
from support.waiting import wait_until

pytestmark = needs_haproxy

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "elsewhere.example",
    "Forwarded": "for=203.0.113.9",
    "X-Real-IP": "203.0.113.9",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("guards"), head_s=1) as built:
        yield built


def seen(client: httpx.Client, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    answer: dict[str, Any] = client.get("/", headers=headers).json()
    told: dict[str, Any] = answer["headers"]
    return told


def raw(built: House, request: bytes) -> tuple[int, bytes]:
    """A request that no client library would send: its status and what is said."""
    with socket.create_connection(("127.0.0.1", built.settings.port)) as talk:
        talk.settimeout(20)
        talk.sendall(request)
        head, _, body = b"".join(iter(lambda: talk.recv(1 << 16), b"")).partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), body


def test_what_a_client_says_of_itself_is_replaced(built: House) -> None:
    told = seen(built.client, FORGED)

    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    assert not {"x-forwarded-host", "forwarded", "x-real-ip"} & set(told)


def test_a_trusted_proxy_before_it_is_believed(tmp_path: Path) -> None:
    with house(tmp_path, trusted_proxies=("127.0.0.0/8",)) as built:
        told = seen(built.client, {**FORGED, "X-Forwarded-For": "6.6.6.6, 203.0.113.9"})

        assert (told["x-forwarded-for"], told["x-forwarded-proto"]) == ("203.0.113.9", "https")
        assert seen(built.client)["x-forwarded-for"] == "127.0.0.1"


def test_ids_of_requests_are_passed_on_or_made(built: House) -> None:
    assert seen(built.client, {"X-Request-ID": "mine-1"})["x-request-id"] == "mine-1"
    made = seen(built.client, {"X-Request-ID": 'bad"id'})["x-request-id"]
    assert len(made) == 36
    assert made != seen(built.client)["x-request-id"]


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready", "/health/startup", "/api"])
def test_probes_and_pages_are_reached(built: House, path: str) -> None:
    assert built.client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "/%6Detrics", "/health/models/base", "/health%2Fmodels/base"]
)
def test_what_a_slot_tells_those_who_run_it_is_hidden(built: House, path: str) -> None:
    answer = built.client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_its_own_errors_are_problems_that_clients_of_openai_read_too(built: House) -> None:
    built.blue.act = cut_after_reading
    answer = built.client.post("/api/v1/webhooks", content=b"{}", headers={"X-Request-ID": "mine"})
    built.blue.act = type(built.blue).act

    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"] == "mine"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"], problem["request_id"]) == (
        502,
        502,
        "slot_failed",
        "mine",
    )
    assert problem["hint"]
    assert problem["error"] == {
        "message": f"{problem['detail']} {problem['hint']}",
        "type": "server_error",
        "param": None,
        "code": "slot_failed",
    }


def test_what_is_not_http_is_refused(built: House) -> None:
    assert raw(built, b"NOT HTTP\r\n\r\n")[0] == 400


def test_a_head_that_never_ends_is_given_up(built: House) -> None:
    assert raw(built, b"GET / HTTP/1.1\r\nHost: localhost\r\n")[0] == 408


@pytest.mark.parametrize(("path", "header"), [("/", "x" * 40_000), ("/" + "x" * 40_000, "")])
def test_a_head_that_is_too_large_is_refused(built: House, path: str, header: str) -> None:
    answer = built.client.get(path, headers={"X-Large": header})

    assert (answer.status_code, answer.json()["code"]) == (431, "request_head_too_large")


def test_a_body_that_is_kept_must_come_in_time(tmp_path: Path) -> None:
    with house(tmp_path, body_s=0.5) as built:
        request = b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nsome"
        status, body = raw(built, request)

    assert (status, json.loads(body)["code"]) == (408, "request_too_slow")


def test_requests_of_an_address_are_limited(tmp_path: Path) -> None:
    with house(tmp_path, max_requests_per_address=5) as built:
        answers = [built.client.get("/") for _ in range(7)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert answers[-1].json()["code"] == "too_many_requests"
    assert answers[-1].headers["Retry-After"] == "10"


def test_connections_of_an_address_are_limited(tmp_path: Path) -> None:
    with house(tmp_path, max_connections_per_address=2) as built, ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(socket.create_connection(("127.0.0.1", built.settings.port)))
        wait_until(lambda: built.client.get("/").status_code == 429, "the others are counted")
        assert built.client.get("/").json()["code"] == "too_many_connections"

        refused = [stack.enter_context(socket.create_connection(("127.0.0.1", built.settings.port))) for _ in range(3)]
        refused[-1].settimeout(20)
        with pytest.raises(ConnectionResetError):
            refused[-1].recv(1)
        stack.close()
        wait_until(lambda: built.client.get("/").status_code == 200, "there is room again")


def test_its_own_metrics_have_a_port_of_their_own(built: House) -> None:
    built.client.get("/")
    text = httpx.get(f"http://127.0.0.1:{built.settings.metrics_port}/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    served = [each for each in samples if each.name == "haproxy_server_sessions_total"]
    assert sum(each.value for each in served if each.labels["server"] == "blue") > 0


def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    certificate, context = certificate_of(tmp_path, "127.0.0.1")
    http_port = free_port()
    with (
        house(tmp_path / "run", certificate=str(certificate), http_port=http_port) as built,
        httpx.Client(base_url=built.url, verify=context) as client,
    ):
        assert seen(client)["x-forwarded-proto"] == "https"

        moved = httpx.get(f"http://127.0.0.1:{http_port}/models?a=1")
        assert (moved.status_code, moved.headers["Location"]) == (308, f"{built.url}/models?a=1")

        folder = tmp_path / "new"
        folder.mkdir()
        renewed, new_context = certificate_of(folder, "127.0.0.1")
        certificate.write_bytes(renewed.read_bytes())
        assert not built.entrance.ensure(), "a certificate that was renewed is taken at once"
        with httpx.Client(base_url=built.url, verify=new_context) as trusting:
            assert trusting.get("/").status_code == 200


def test_http_2_is_offered(tmp_path: Path) -> None:
    certificate, context = certificate_of(tmp_path, "127.0.0.1")
    with house(tmp_path / "run", certificate=str(certificate)) as built:
        context.set_alpn_protocols(["h2", "http/1.1"])
        with (
            socket.create_connection(("127.0.0.1", built.settings.port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            assert secure.selected_alpn_protocol() == "h2"
            assert secure.version() in {"TLSv1.2", "TLSv1.3"}


def test_many_at_a_time_are_answered(built: House) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: built.client.get("/").status_code, range(100)))

    assert set(answers) == {200}
