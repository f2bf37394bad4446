"""A real HTTP/1.1 server on 127.0.0.1 that serves files with ranges, and misbehaves request by request as told."""

from __future__ import annotations

import hashlib
import re
import select
import socket
import socketserver
import struct
import threading
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from support.listening import listening

Span = tuple[int, int]
_RANGE = re.compile(r"bytes=(\d+)-(\d*)\Z")
_RESET = struct.pack("ii", 1, 0)
_PIECE = 64 * 1024
_POLL_S = 0.05


@dataclass(frozen=True)
class Request:
    """What was asked for. `span` is half-open; None where the whole file was asked for."""

    path: str
    span: Span | None
    headers: Mapping[str, str]


@dataclass
class Reply:
    """What is going to be answered."""

    status: int
    headers: dict[str, str]
    body: bytes | memoryview


class Fault(Protocol):
    """One misbehaviour, for one request."""

    def act(self, talk: Talk) -> None:
        """Answer the request, or fail to."""


class Talk:
    """One request, and the means to answer it well or badly."""

    def __init__(self, server: FaultyServer, connection: socket.socket, request: Request) -> None:
        self.server = server
        self.request = request
        self.content = server.files.get(request.path)
        self.open = True
        self._connection = connection

    def healthy(self, content: bytes | None = None, *, ranges: bool = True) -> Reply:
        """The right answer, or the right answer about another content."""
        content = self.content if content is None else content
        if content is None:
            return Reply(404, {"Content-Length": "0"}, b"")
        headers = {"ETag": self.server.etag(self.request.path), "Accept-Ranges": "bytes" if ranges else "none"}
        if self.request.span is None or not ranges:
            return Reply(200, {**headers, "Content-Length": str(len(content))}, memoryview(content))
        start, stop = self.request.span[0], min(self.request.span[1], len(content))
        if start >= stop:
            return Reply(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"}, b"")
        headers |= {"Content-Range": f"bytes {start}-{stop - 1}/{len(content)}", "Content-Length": str(stop - start)}
        return Reply(206, headers, memoryview(content)[start:stop])

    def reply(self, reply: Reply) -> None:
        """Send head and body."""
        self.head(reply.status, reply.headers)
        self.send(reply.body)

    def head(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the status line and the headers."""
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in headers.items())]
        self.send_raw("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send(self, body: bytes | memoryview) -> None:
        """Send bytes of a body, and count those that the system took."""
        view = memoryview(body)
        while view:
            sent = self._connection.send(view[:_PIECE])
            self.server.count(self.request.path, sent)
            view = view[sent:]

    def send_raw(self, content: bytes) -> None:
        """Send what is no part of a body."""
        self._connection.sendall(content)

    def hang_up(self, *, reset: bool = False) -> None:
        """Close the connection, in order or by force. Everything that was sent arrives first."""
        self.open = False
        if reset:
            self._wait_for_acknowledgement()
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._connection.close()
        else:
            self._connection.shutdown(socket.SHUT_WR)

    def stall(self, until: threading.Event | None = None) -> None:
        """Say nothing until the client hangs up, the event is set or the server closes."""
        while not (self.server.closing.is_set() or (until is not None and until.is_set())):
            readable, _, _ = select.select([self._connection], [], [], _POLL_S)
            if readable:
                self.open = False
                return

    def pause(self, seconds: float) -> None:
        """Let time pass, as a slow line does."""
        self.server.closing.wait(seconds)

    def _wait_for_acknowledgement(self) -> None:
        """A forced end throws away what was not acknowledged; the tests count what was lost behind that."""
        import fcntl  # noqa: PLC0415 - Linux only, as is this question
        import termios  # noqa: PLC0415 - as above

        unsent = bytearray(4)
        while not self.server.closing.is_set():
            fcntl.ioctl(self._connection, termios.TIOCOUTQ, unsent)
            if not int.from_bytes(unsent, "little"):
                return
            self.server.closing.wait(0.001)


@dataclass(frozen=True)
class Healthy:
    """No fault at all."""

    def act(self, talk: Talk) -> None:
        talk.reply(talk.healthy())


@dataclass
class FaultyServer:
    """`files` maps paths to what is served there. What is not in it is 404."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    """All of them, in order."""
    sent: Counter[str] = field(default_factory=Counter)
    """Body bytes that were sent, by path."""
    closing: threading.Event = field(default_factory=threading.Event)
    _queued: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    _lasting: dict[str, Fault] = field(default_factory=dict)
    _tags: dict[int, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def misbehave(self, path: str, *faults: Fault, then: Fault | None = None) -> None:
        """The next requests for `path` meet these faults, one each; all later ones meet `then`."""
        self._queued[path].extend(faults)
        if then is not None:
            self._lasting[path] = then

    def heal(self) -> None:
        """Forget all faults, all requests and all counts."""
        with self._lock:
            self._queued.clear()
            self._lasting.clear()
            self.requests.clear()
            self.sent.clear()

    def asked(self, path: str) -> list[Request]:
        """The requests for one path, in order."""
        with self._lock:
            return [request for request in self.requests if request.path == path]

    def etag(self, path: str) -> str:
        """A tag that changes with the content."""
        return f'"{hashlib.sha256(self.files[path]).hexdigest()[:16]}"'

    def count(self, path: str, sent: int) -> None:
        with self._lock:
            self.sent[path] += sent

    def fault_for(self, request: Request) -> Fault:
        with self._lock:
            self.requests.append(request)
            if self._queued[request.path]:
                return self._queued[request.path].popleft()
            return self._lasting.get(request.path, Healthy())


@contextmanager
def faulty_server(files: Mapping[str, bytes] | None = None) -> Iterator[FaultyServer]:
    """Serve until the block ends; whoever stalls then is let go."""
    with _Listener(("127.0.0.1", 0), _Handler) as listener:
        host, port = listener.server_address[:2]
        listener.faulty = FaultyServer(f"http://{host!s}:{port}", dict(files or {}))
        try:
            with listening(listener, listener.faulty.closing):
                yield listener.faulty
        finally:
            listener.cut_all()


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 64
    faulty: FaultyServer

    def __init__(self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler]) -> None:
        super().__init__(address, handler)
        self.connections: set[socket.socket] = set()

    def cut_all(self) -> None:
        for connection in tuple(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed or hangs up is part of the tests."""


class _Handler(socketserver.BaseRequestHandler):
    server: _Listener
    request: socket.socket

    def handle(self) -> None:
        connection = self.request
        self.server.connections.add(connection)
        try:
            with suppress(OSError), connection.makefile("rb") as reader:
                while (request := _read_request(reader)) is not None:
                    talk = Talk(self.server.faulty, connection, request)
                    self.server.faulty.fault_for(request).act(talk)
                    if not talk.open:
                        return
        finally:
            self.server.connections.discard(connection)


class _Lines(Protocol):
    def readline(self) -> bytes: ...


def _read_request(reader: _Lines) -> Request | None:
    first = reader.readline().decode("latin-1").split()
    if len(first) != 3:
        return None
    headers: dict[str, str] = {}
    while line := reader.readline().decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Request(first[1], _span_of(headers.get("range")), headers)


def _span_of(header: str | None) -> Span | None:
    found = _RANGE.match(header or "")
    if found is None:
        return None
    return int(found[1]), int(found[2]) + 1 if found[2] else 1 << 62


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Whatever"
