"""A real S3 server for tests, and one that is hard to reach."""

from __future__ import annotations

import http.client
import os
import socketserver
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path

import pytest

from care_voice.store.audio_s3 import S3Audio
from care_voice.store.audio_settings import S3Settings
from support.listening import listening

SECRET = "a-very-secret-key"
PAGE_KEYS = 50
"""So many keys are in one answer to a list, so that tests turn pages with few objects."""

_TESTS = Path(__file__).resolve().parents[1]
_names = count(1)


@dataclass(frozen=True)
class S3Server:
    """Where it listens. Any key is let in."""

    url: str

    def new_bucket(self) -> str:
        """The name of a new, empty bucket."""
        name = f"bucket-{os.getpid()}-{next(_names)}"
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=30)
        with closing(connection):
            connection.request("PUT", f"/{name}")
            assert connection.getresponse().status == 200
        return name

    def settings(self, bucket: str, url: str = "", **others: object) -> S3Settings:
        """Settings that reach it, by way of `url` where there is one; it is tried again at once."""
        quick = {"attempts": 3, "backoff_first_s": 0.01, "read_timeout_s": 20.0, **others}
        return S3Settings(
            endpoint=url or self.url, bucket=bucket, access_key="someone", secret_key=SECRET, **quick  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A running server, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(_TESTS), "MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE_KEYS)}
    process = subprocess.Popen(
        [sys.executable, "-m", "support.s3_process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield S3Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        process.stdin.close()


@pytest.fixture
def s3_url(s3_server: S3Server) -> str:
    """The address of a running server."""
    return s3_server.url


@pytest.fixture
def s3_bucket(s3_server: S3Server) -> str:
    """An empty bucket of its own."""
    return s3_server.new_bucket()


@pytest.fixture
def s3_audio(s3_server: S3Server, s3_bucket: str, tmp_path: Path) -> S3Audio:
    """The storage over an empty bucket."""
    return S3Audio(s3_server.settings(s3_bucket, prefix="care/"), tmp_path / "scratch")


@dataclass
class Reply:
    """What the server has answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Exchange:
    """One request on its way, and the ways to spoil it. `closing` is set when the test has ended."""

    method: str
    path: str
    handler: BaseHTTPRequestHandler
    forward: Callable[[], Reply]
    closing: threading.Event

    def answer(self, reply: Reply, cut: int | None = None) -> None:
        """Send it back; the connection ends after `cut` bytes of the body."""
        self.handler.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(reply.body[:cut])
        if cut is not None:
            self.handler.close_connection = True


Spoiled = Callable[[Exchange], None]


def refused(status: int = 500, code: str = "InternalError") -> Spoiled:
    """Answers with an error; the server has not seen the request."""
    body = f"<Error><Code>{code}</Code><Message>it is spoiled</Message></Error>".encode()
    return lambda exchange: exchange.answer(Reply(status, {"Content-Length": str(len(body))}, body))


def done_but_refused(exchange: Exchange) -> None:
    """The server did it, and its answer got lost on the way."""
    exchange.forward()
    refused(502)(exchange)


def silent(exchange: Exchange) -> None:
    """Says nothing until the client hangs up."""
    exchange.closing.wait(30)
    exchange.handler.close_connection = True


def late(seconds: float) -> Spoiled:
    """The right answer, after a while."""

    def act(exchange: Exchange) -> None:
        exchange.closing.wait(seconds)
        exchange.answer(exchange.forward())

    return act


def cut_after(size: int) -> Spoiled:
    """The connection ends in the middle of the answer."""
    return lambda exchange: exchange.answer(exchange.forward(), cut=size)


def hang_up(exchange: Exchange) -> None:
    """No answer at all."""
    exchange.handler.close_connection = True


@dataclass
class FaultyS3:
    """A proxy in front of the server. `faults` are met by the next requests, one each; later ones meet `then`."""

    url: str
    closing: threading.Event = field(default_factory=threading.Event)
    faults: deque[Spoiled] = field(default_factory=deque)
    then: Spoiled | None = None
    asked: list[str] = field(default_factory=list)
    """Methods of the requests, in order."""

    def fault(self) -> Spoiled | None:
        with suppress(IndexError):
            return self.faults.popleft()
        return self.then


class _Proxy(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    target: str
    faulty: FaultyS3

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gave up is part of the tests."""


class _Forwarder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        faulty = self.server.faulty
        faulty.asked.append(self.command)
        exchange = Exchange(self.command, self.path, self, lambda: self._forward(body), faulty.closing)
        fault = faulty.fault()
        if fault is None:
            exchange.answer(exchange.forward())
        else:
            fault(exchange)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _handle  # noqa: N815 - as the base class calls them

    def _forward(self, body: bytes) -> Reply:
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        with closing(connection):
            headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            dropped = {"connection", "transfer-encoding"}
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in dropped}
            return Reply(answer.status, {**kept, "Content-Length": str(len(content))}, content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing."""


@pytest.fixture
def faulty_s3(s3_server: S3Server) -> Iterator[FaultyS3]:
    """A proxy in front of the server that is sound until the test says otherwise."""
    with _Proxy(("127.0.0.1", 0), _Forwarder) as proxy:
        proxy.target = s3_server.url.removeprefix("http://")
        proxy.faulty = FaultyS3(f"http://127.0.0.1:{proxy.server_address[1]}")
        with listening(proxy, proxy.faulty.closing):
            yield proxy.faulty
