"""Bodies, answers and sockets that take their time pass through as they come."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import threading
from collections.abc import Iterator

import pytest

from support.entrances import House, house, needs_haproxy
from support.slot_double import Act, Talk, cut_at_once, upgrade, well
from support.waiting import wait_until

pytestmark = needs_haproxy

LARGE = 8 << 20
UPLOAD = "/api/v1/uploads/1"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("streams")) as built:
        yield built


@pytest.fixture
def built(shared: House) -> House:
    shared.entrance.set_weights({"blue": 256, "green": 0})
    shared.wait_up("blue")
    shared.blue.act = shared.green.act = well
    for slot in (shared.blue, shared.green):
        slot.requests.clear()
        slot.gone.clear()
    return shared


def connected(built: House) -> socket.socket:
    talk = socket.create_connection(("127.0.0.1", built.settings.port))
    talk.settimeout(20)
    return talk


def head(method: str, path: str, length: int, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def read_until(talk: socket.socket, end: bytes) -> bytes:
    found = b""
    while end not in found and (more := talk.recv(1 << 16)):
        found += more
    return found


def received(built: House) -> int:
    return sum(each.received for each in built.blue.requests)


def test_a_large_upload_is_passed_on_while_it_comes(built: House) -> None:
    part = b"x" * (1 << 16)
    with connected(built) as talk:
        talk.sendall(head("PATCH", UPLOAD, LARGE) + part)
        wait_until(lambda: received(built) == len(part), "the first part is there, long before the last one")
        for _ in range(LARGE // len(part) - 1):
            talk.sendall(part)
        answer = read_until(talk, b"}")

    assert answer.startswith(b"HTTP/1.1 200")
    assert hashlib.sha256(b"x" * LARGE).hexdigest().encode() in answer


def test_a_body_of_unknown_length_is_passed_on_while_it_comes(built: House) -> None:
    async def echo(talk: Talk) -> None:
        await talk.reader.readuntil(b"first\r\n")
        talk.seen.received = 5
        await talk.reader.readuntil(b"0\r\n\r\n")
        await talk.answer(200, b"all}")

    built.blue.act = echo
    with connected(built) as talk:
        talk.sendall(b"POST /api/v1/recordings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        talk.sendall(b"5\r\nfirst\r\n")
        wait_until(lambda: received(built) == 5, "the first chunk is there")
        talk.sendall(b"0\r\n\r\n")
        assert read_until(talk, b"}").startswith(b"HTTP/1.1 200")


def test_small_parts_of_a_live_recording_get_through_at_any_pace(built: House) -> None:
    with connected(built) as talk:
        for piece in (b"one", b"two"):
            talk.sendall(head("PATCH", UPLOAD, 3, "Upload-Offset: 0") + piece[:1])
            talk.sendall(piece[1:])
            assert hashlib.sha256(piece).hexdigest().encode() in read_until(talk, b"}")


def test_a_body_that_was_cut_short_is_not_sent_again_as_if_it_were_whole(built: House) -> None:
    """Blue dies in the middle of one that is too large to be kept: green must not get half of it."""
    built.entrance.set_weights({"blue": 100, "green": 100})
    built.wait_up("blue", "green")
    built.blue.act = built.green.act = cut_at_once
    with connected(built) as talk:
        talk.sendall(head("PATCH", UPLOAD, LARGE) + b"x" * (1 << 16))
        answer = read_until(talk, b"}")

    assert answer == b"" or answer.startswith(b"HTTP/1.1 502")
    assert len(built.blue.requests) + len(built.green.requests) == 1


def event_by_event(gate: threading.Event) -> Act:
    async def act(talk: Talk) -> None:
        await talk.head(200, {"Content-Type": "text/event-stream", "Connection": "close"})
        await talk.send(b"data: first\n\n")
        await asyncio.to_thread(gate.wait)
        await talk.send(b"data: second\n\n")
        talk.writer.close()

    return act


def test_events_pass_at_once(built: House) -> None:
    gate = threading.Event()
    built.blue.act = event_by_event(gate)
    with built.client.stream("GET", "/api/v1/recordings/1/events") as answer:
        events = answer.iter_raw()
        assert next(events) == b"data: first\n\n"
        gate.set()
        assert next(events) == b"data: second\n\n"


def websocket(built: House) -> socket.socket:
    talk = connected(built)
    talk.sendall(
        b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return talk


def says_back(talk: socket.socket, text: bytes) -> bool:
    talk.sendall(text)
    return read_until(talk, text) == text


def test_a_websocket_stays_with_its_slot_until_it_ends(built: House) -> None:
    built.blue.act = built.green.act = upgrade
    with websocket(built) as old:
        assert b"blue" in read_until(old, b"\r\n\r\n")
        assert says_back(old, b"before")

        built.entrance.set_weights({"green": 100, "blue": 0})
        built.wait_up("green")
        with websocket(built) as new:
            assert b"green" in read_until(new, b"\r\n\r\n")
        assert not built.changed(idle_s=47).ensure()
        assert says_back(old, b"after a switch and a reload")


def test_a_slot_says_how_many_it_still_has(built: House) -> None:
    built.blue.act = upgrade
    with websocket(built) as talk:
        read_until(talk, b"\r\n\r\n")
        built.entrance.set_weights({"blue": 0})
        stats = built.entrance.stats()["blue"]
        assert (stats.state, stats.sessions) == ("drain", 1)

    wait_until(lambda: built.entrance.stats()["blue"].sessions == 0, "the slot is empty")


def test_a_client_that_goes_away_gives_up_its_work(built: House) -> None:
    async def wait(talk: Talk) -> None:
        await talk.body()
        if not await talk.reader.read(1):
            raise ConnectionError("the client went away")

    built.blue.act = wait
    with connected(built) as talk:
        talk.sendall(head("POST", "/v1/audio/transcriptions", 4) + b"some")
        wait_until(lambda: built.blue.requests, "the request is there")

    wait_until(lambda: built.blue.gone, "the slot has heard of it")


def test_a_client_may_ask_before_it_sends(built: House) -> None:
    with connected(built) as talk:
        talk.sendall(head("POST", "/v1/audio/transcriptions", 4, "Expect: 100-continue"))
        assert read_until(talk, b"\r\n\r\n").startswith(b"HTTP/1.1 100")
        talk.sendall(b"some")
        assert read_until(talk, b"}").startswith(b"HTTP/1.1 200")
