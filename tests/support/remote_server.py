"""A transcription server of the OpenAI API that misbehaves request by request as told; real HTTP on 127.0.0.1."""

from __future__ import annotations

import json
import select
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.listening import listening

_RESET = struct.pack("ii", 1, 0)
_POLL_S = 0.05


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: Mapping[str, str]
    fields: Mapping[str, list[str]]
    file: bytes


class Handler(BaseHTTPRequestHandler):
    """Means to answer well or badly."""

    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received = _received(self.path, self.headers, body)
        self.server.remote.next_for(received)(self, received)

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.shutdown(socket.SHUT_RDWR)

    def wait_for_hang_up(self) -> None:
        """Say nothing until the client is gone, or the server closes."""
        self.close_connection = True
        while not self.server.remote.closing.is_set():
            if select.select([self.connection], [], [], _POLL_S)[0]:
                return

    def log_message(self, *args: object) -> None:
        """Tests say themselves what went wrong."""


Reply = Callable[[Handler, Received], None]


@dataclass
class RemoteServer:
    """`script` is used up in order by requests for transcriptions, then `usual` answers; the clip gets `clip_reply`."""

    url: str
    clip: bytes
    usual: Reply
    clip_reply: Reply
    script: deque[Reply] = field(default_factory=deque)
    windows: list[Received] = field(default_factory=list)
    clips: list[Received] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def next_for(self, received: Received) -> Reply:
        if received.file.endswith(self.clip):
            self.clips.append(received)
            return self.clip_reply
        self.windows.append(received)
        return self.script.popleft() if self.script else self.usual


def says(**body: Any) -> Reply:
    """A right answer."""
    return lambda handler, _: handler.answer(200, json.dumps(body).encode())


def fails(status: int, message: str = "", **headers: str) -> Reply:
    """An error in OpenAI's form."""
    body = json.dumps({"error": {"message": message, "code": "x"}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler, _: handler.answer(status, body, named)


def raw(body: bytes, **headers: str) -> Reply:
    """200 with any body."""
    return lambda handler, _: handler.answer(200, body, {k.replace("_", "-"): v for k, v in headers.items()})


def half(handler: Handler, _: Received) -> None:
    """An answer that breaks off."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"text": "the fi')
    handler.hang_up()


def cut(handler: Handler, _: Received) -> None:
    """The connection is reset instead of an answer."""
    handler.hang_up(reset=True)


@dataclass
class Silence:
    """No answer; `left` is set once the client has hung up, `begun` before."""

    begun: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: Handler, _: Received) -> None:
        self.begun.set()
        handler.wait_for_hang_up()
        self.left.set()


@contextmanager
def remote_server(
    clip: bytes, usual: Reply, clip_reply: Reply, tls: ssl.SSLContext | None = None
) -> Iterator[RemoteServer]:
    """A server that runs."""
    with _Listener(("127.0.0.1", 0), Handler) as listener:
        if tls is not None:
            listener.socket = tls.wrap_socket(listener.socket, server_side=True)
        scheme, port = "https" if tls else "http", listener.server_address[1]
        listener.remote = RemoteServer(f"{scheme}://127.0.0.1:{port}/v1", clip, usual, clip_reply)
        try:
            with listening(listener, listener.remote.closing):
                yield listener.remote
        finally:
            listener.cut_all()


class _Listener(ThreadingHTTPServer):
    remote: RemoteServer
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        super().__init__(address, handler)
        self._connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def cut_all(self) -> None:
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


def _received(path: str, headers: Any, body: bytes) -> Received:
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    fields: dict[str, list[str]] = {}
    file = b""
    for part in BytesParser().parsebytes(head + body).get_payload():
        content = part.get_payload(decode=True)
        if part.get_filename():
            file = content
        else:
            fields.setdefault(str(part.get_param("name", header="content-disposition")), []).append(content.decode())
    return Received(path, dict(headers), fields, file)
