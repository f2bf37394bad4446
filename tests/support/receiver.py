"""An endpoint of webhooks that misbehaves message by message as told; real HTTP on 127.0.0.1."""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook as Verifier

from support.listening import listening


@dataclass(frozen=True)
class Message:
    """What was posted."""

    path: str
    headers: Mapping[str, str]
    body: str

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def value(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    def verified(self, secret: str) -> dict[str, Any]:
        """Raises WebhookVerificationError where the signature is not right."""
        found: dict[str, Any] = Verifier(secret).verify(self.body, dict(self.headers))
        return found


class Talk(BaseHTTPRequestHandler):
    """Means to answer well or badly."""

    server: _Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {name.lower(): value for name, value in self.headers.items()}
        with suppress(ConnectionError, ssl.SSLError):
            self.server.receiver.next_for(Message(self.path, headers, body))(self)

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def wait(self) -> None:
        """Say nothing more until the receiver closes, or lets everybody go."""
        self.server.receiver.held.wait()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base's parameter
        """Requests are kept, not printed."""


Act = Callable[[Talk], None]


def status(code: int, **headers: str) -> Act:
    """Answer with a status; `retry_after="5"` is a header."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda talk: talk.answer(code, headers=named)


def hang(talk: Talk) -> None:
    """Take the message and say nothing."""
    talk.wait()


def late(talk: Talk) -> None:
    """Answer well when the receiver lets everybody go."""
    talk.wait()
    talk.answer(204)


def drip_headers(talk: Talk) -> None:
    """Answer with headers that never end, one byte at a time."""
    talk.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not talk.server.receiver.held.wait(0.05):
        talk.wfile.write(b"a")


def endless(talk: Talk) -> None:
    """A body without an end, as fast as it is taken."""
    talk.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while not talk.server.receiver.held.is_set():
        talk.wfile.write(b"x" * 65_536)
        talk.server.receiver.sent += 65_536


def break_off(talk: Talk) -> None:
    """Hang up in the middle of the answer's head."""
    talk.wfile.write(b"HTTP/1.1 200")
    talk.close_connection = True


@dataclass
class Receiver:
    """`messages` in the order in which they came."""

    url: str
    messages: list[Message] = field(default_factory=list)
    sent: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    _queued: deque[Act] = field(default_factory=deque)
    _then: Act = field(default_factory=lambda: status(204))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def misbehave(self, *acts: Act, then: Act | None = None) -> None:
        """The next messages meet these, one each; all later ones `then`, which is to be well."""
        self._queued.extend(acts)
        self._then = then or self._then

    def next_for(self, message: Message) -> Act:
        with self._lock:
            self.messages.append(message)
            return self._queued.popleft() if self._queued else self._then

    def of(self, kind: str) -> list[Message]:
        with self._lock:
            return [each for each in self.messages if each.value["type"] == kind]


class _Listener(ThreadingHTTPServer):
    daemon_threads = False
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed or hangs up is part of the tests."""


@contextmanager
def receiving(context: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """Listen until the block ends; with a context over TLS."""
    with _Listener(("127.0.0.1", port), Talk) as listener:
        if context is not None:
            listener.socket = context.wrap_socket(listener.socket, server_side=True, do_handshake_on_connect=False)
        scheme = "http" if context is None else "https"
        listener.receiver = Receiver(f"{scheme}://127.0.0.1:{listener.server_port}/hook?key=of-the-url")
        with listening(listener, listener.receiver.held):
            yield listener.receiver
