"""A real HTTP/1.1 server on 127.0.0.1 that serves files with ranges, and misbehaves request by request as told."""

from __future__ import annotations

import gzip
import hashlib
import random
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
        unsent = bytearray(4)
        while not self.server.closing.is_set():
            import fcntl  # noqa: PLC0415 - Linux only, as is this question
            import termios  # noqa: PLC0415

            fcntl.ioctl(self._connection, termios.TIOCOUTQ, unsent)
            if not int.from_bytes(unsent, "little"):
                return
            self.server.closing.wait(0.001)


def changed(headers: Mapping[str, str], by: Mapping[str, str | None]) -> dict[str, str]:
    """The headers with some replaced; None leaves one out."""
    return {name: value for name, value in {**headers, **by}.items() if value is not None}


@dataclass(frozen=True)
class Healthy:
    """No fault at all."""

    def act(self, talk: Talk) -> None:
        talk.reply(talk.healthy())


@dataclass(frozen=True)
class Cut:
    """The connection ends after some bytes of the body, but always before its end; `reset` ends it by force."""

    after: int
    reset: bool = False
    changed: Mapping[str, str | None] = field(default_factory=dict)
    """Headers that are others; None leaves one out."""

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        talk.head(reply.status, changed(reply.headers, self.changed))
        talk.send(reply.body[: min(self.after, len(reply.body) - 1)])
        talk.hang_up(reset=self.reset)


@dataclass(frozen=True)
class NoRanges:
    """The whole file with 200, whatever was asked for; cut after some bytes where `cut` says so."""

    cut: int | None = None

    def act(self, talk: Talk) -> None:
        reply = talk.healthy(ranges=False)
        talk.head(reply.status, reply.headers)
        talk.send(reply.body[: self.cut])
        if self.cut is not None:
            talk.hang_up()


@dataclass(frozen=True)
class Headers:
    """The right body under headers of which some are replaced; None leaves one out."""

    changed: Mapping[str, str | None]
    status: int | None = None

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        talk.head(self.status or reply.status, changed(reply.headers, self.changed))
        with suppress(OSError):
            talk.send(reply.body)
        talk.hang_up()


@dataclass(frozen=True)
class WrongLength:
    """Content-Length says `by` bytes more than there are, or less."""

    by: int

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        length = max(0, int(reply.headers["Content-Length"]) + self.by)
        Headers({"Content-Length": str(length)}).act(talk)


@dataclass(frozen=True)
class WrongRange:
    """Content-Range says that the body begins `shift` bytes later, and that the file is `longer` bytes larger."""

    shift: int = 0
    longer: int = 0

    def act(self, talk: Talk) -> None:
        assert talk.request.span is not None
        assert talk.content is not None
        start, stop = (edge + self.shift for edge in talk.request.span)
        Headers({"Content-Range": f"bytes {start}-{stop - 1}/{len(talk.content) + self.longer}"}).act(talk)


@dataclass(frozen=True)
class WrongBytes:
    """Other bytes of the right length."""

    def act(self, talk: Talk) -> None:
        assert talk.content is not None
        talk.reply(talk.healthy(random.Random(0).randbytes(len(talk.content))))


@dataclass(frozen=True)
class Flip:
    """One bit of the file is another one, as a broken cache delivers it."""

    at: int
    bit: int = 0

    def act(self, talk: Talk) -> None:
        assert talk.content is not None
        flipped = bytearray(talk.content)
        flipped[self.at] ^= 1 << self.bit
        talk.reply(talk.healthy(bytes(flipped)))


@dataclass(frozen=True)
class Redirect:
    """Go there instead."""

    to: str
    status: int = 302

    def act(self, talk: Talk) -> None:
        talk.head(self.status, {"Location": self.to, "Content-Length": "0"})


@dataclass(frozen=True)
class Endless:
    """A chunked body without an end: the right bytes, or `instead`, and then anything."""

    instead: bytes = b""
    status: int | None = None

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        headers = {name: value for name, value in reply.headers.items() if name != "Content-Length"}
        talk.head(self.status or reply.status, {**headers, "Transfer-Encoding": "chunked"})
        self._chunk(talk, self.instead or bytes(reply.body))
        while not talk.server.closing.is_set():
            self._chunk(talk, bytes(_PIECE))

    def _chunk(self, talk: Talk, content: bytes) -> None:
        talk.send_raw(f"{len(content):x}\r\n".encode())
        talk.send(content)
        talk.send_raw(b"\r\n")


@dataclass(frozen=True)
class Status:
    """An answer without the file."""

    code: int
    retry_after: str | None = None
    etag: str | None = None

    def act(self, talk: Talk) -> None:
        said = {"Retry-After": self.retry_after, "ETag": self.etag, "Content-Length": "0"}
        talk.head(self.code, changed({}, said))


@dataclass(frozen=True)
class StallInHead:
    """Half of the headers, then nothing."""

    def act(self, talk: Talk) -> None:
        talk.send_raw(b"HTTP/1.1 206 Partial Content\r\nContent-Le")
        talk.stall()
        talk.open = False


@dataclass(frozen=True)
class Stall:
    """Some bytes of the body, then nothing until `until` is set; the rest comes then."""

    after: int
    until: threading.Event | None = None

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        talk.head(reply.status, reply.headers)
        talk.send(reply.body[: self.after])
        talk.stall(self.until)
        if talk.open:
            talk.send(reply.body[self.after :])


@dataclass(frozen=True)
class Trickle:
    """A few bytes at a time with a pause between: a slow-loris, or only a slow line."""

    pause_s: float
    piece: int = 1

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        talk.head(reply.status, reply.headers)
        for start in range(0, len(reply.body), self.piece):
            talk.send(reply.body[start : start + self.piece])
            talk.pause(self.pause_s)
            if talk.server.closing.is_set():
                return


@dataclass(frozen=True)
class TrickleInHead:
    """The headers, a letter at a time."""

    pause_s: float

    def act(self, talk: Talk) -> None:
        for letter in "HTTP/1.1 206 Partial Content\r\nX-Long: " + "x" * 10_000:
            talk.send_raw(letter.encode())
            talk.pause(self.pause_s)
            if talk.server.closing.is_set():
                return


@dataclass(frozen=True)
class Gzip:
    """A compressed body, although it was asked not to."""

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        body = gzip.compress(bytes(reply.body))
        talk.reply(
            Reply(reply.status, {**reply.headers, "Content-Encoding": "gzip", "Content-Length": str(len(body))}, body)
        )


@dataclass(frozen=True)
class Empty:
    """The right status, and no body."""

    def act(self, talk: Talk) -> None:
        reply = talk.healthy()
        talk.reply(Reply(reply.status, {**reply.headers, "Content-Length": "0"}, b""))


@dataclass(frozen=True)
class Garbage:
    """No HTTP at all."""

    content: bytes = b"\x00\xff what is this\r\n\r\n"

    def act(self, talk: Talk) -> None:
        talk.send_raw(self.content)
        talk.hang_up()


@dataclass(frozen=True)
class HangUp:
    """The connection ends before an answer."""

    reset: bool = False

    def act(self, talk: Talk) -> None:
        talk.hang_up(reset=self.reset)


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
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener.faulty
        finally:
            listener.faulty.closing.set()
            listener.shutdown()
            thread.join()
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
