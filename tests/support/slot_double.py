"""A server in place of a slot, which behaves well or badly as told; real HTTP on 127.0.0.1.

`python -m support.slot_double NAME PORT` is one that behaves well, as a process that can be killed.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_PIECE_BYTES = 1 << 16
_REASONS = {200: "OK", 500: "Internal Server Error", 503: "Service Unavailable"}


@dataclass
class Seen:
    """A request as it came, and how much of its body has."""

    method: str
    path: str
    headers: Mapping[str, str]
    received: int = 0
    digest: str = ""


@dataclass
class Talk:
    """One request, and the means to answer it."""

    slot: SlotDouble
    seen: Seen
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def body(self) -> None:
        """Read all of it."""
        digest = hashlib.sha256()
        async for piece in self.pieces():
            digest.update(piece)
        self.seen.digest = digest.hexdigest()

    async def pieces(self) -> AsyncIterator[bytes]:
        left = int(self.seen.headers.get("content-length", "0"))
        while left:
            piece = await self.reader.read(min(left, _PIECE_BYTES))
            if not piece:
                raise ConnectionError("the client broke off")
            left -= len(piece)
            self.seen.received += len(piece)
            yield piece

    async def answer(self, status: int, body: bytes, **headers: str) -> None:
        named = {"Content-Length": str(len(body)), **{name.replace("_", "-"): text for name, text in headers.items()}}
        # In one piece: an answer that has begun when its slot is killed cannot be mended by anybody.
        await self.send(_head(status, named) + body)

    async def head(self, status: int, headers: Mapping[str, str]) -> None:
        await self.send(_head(status, headers))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def cut(self) -> None:
        """As a process that was killed."""
        self.writer.transport.abort()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Other')}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


Act = Callable[[Talk], Awaitable[None]]


async def well(talk: Talk) -> None:
    """Say who answers, and what came."""
    await talk.body()
    seen = talk.seen
    said = {"slot": talk.slot.name, "path": seen.path, "headers": dict(seen.headers), "sha256": seen.digest}
    await talk.answer(200, json.dumps({**said, "received": seen.received}).encode(), Content_Type="application/json")


def status(code: int, body: bytes = b"", **headers: str) -> Act:
    """Read the request and answer with a status."""

    async def act(talk: Talk) -> None:
        await talk.body()
        await talk.answer(code, body, **headers)

    return act


async def cut_at_once(talk: Talk) -> None:
    """Close the connection before the body is read."""
    talk.cut()


async def cut_after_reading(talk: Talk) -> None:
    """Close the connection when everything has come, and say nothing."""
    await talk.body()
    talk.cut()


async def upgrade(talk: Talk) -> None:
    """Become a WebSocket, of which nothing but the way in matters here, and send back what comes."""
    key = talk.seen.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
    accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
    await talk.head(101, {**headers, "X-Slot": talk.slot.name})
    while data := await talk.reader.read(_PIECE_BYTES):
        await talk.send(data)


@dataclass
class SlotDouble:
    """Serves in a thread of its own; `act` and `ready` may be changed at any time."""

    name: str
    port: int
    act: Act = well
    ready: bool = True
    requests: list[Seen] = field(default_factory=list)
    gone: list[Seen] = field(default_factory=list)
    """Requests whose client closed the connection before it was answered."""

    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _server: asyncio.Server | None = None
    _transports: set[asyncio.WriteTransport] = field(default_factory=set)
    _serves: bool = False

    async def serve(self) -> None:
        self._serves = True
        self._server = await asyncio.get_running_loop().create_server(self._new, "127.0.0.1", self.port)

    def _new(self) -> asyncio.StreamReaderProtocol:
        return _Tracked(self, asyncio.StreamReader())

    async def close(self) -> None:
        """Refuse connections and cut those that are there, as when a process is killed."""
        self._serves = False
        if self._server is not None:
            await _accept_no_more(self._server)
            self._server.close()
        for transport in list(self._transports):
            transport.abort()

    def start(self) -> None:
        """Listen; also again after `die`."""
        self.run(self.serve())

    def die(self) -> None:
        self.run(self.close())

    def run(self, work: Awaitable[None]) -> None:
        """In the thread of the server."""
        asyncio.run_coroutine_threadsafe(_awaited(work), self._loop).result(10)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                await self._one(reader, writer)
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines[1:] if line)}
        talk = Talk(self, Seen(method, path, headers), reader, writer)
        if path.startswith("/health/"):
            await talk.answer(200 if self.ready else 503, b"{}")
            return
        self.requests.append(talk.seen)
        try:
            await self.act(talk)
        except (ConnectionError, asyncio.CancelledError):
            self.gone.append(talk.seen)
            raise


class _Tracked(asyncio.StreamReaderProtocol):
    """Knows its connection from the first moment on: one may be accepted just when the slot dies."""

    def __init__(self, slot: SlotDouble, reader: asyncio.StreamReader) -> None:
        super().__init__(reader, slot._connected)
        self._slot, self._mine = slot, None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._mine = transport
        self._slot._transports.add(transport)
        super().connection_made(transport)
        if not self._slot._serves:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._slot._transports.discard(self._mine)
        super().connection_lost(exc)


async def _accept_no_more(server: asyncio.Server) -> None:
    """A server of asyncio that is closed while it accepts leaves connections behind that nobody closes."""
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        loop.remove_reader(sock.fileno())
    await asyncio.sleep(0)
    accepting = [task for task in asyncio.all_tasks() if "_accept_connection" in repr(task.get_coro())]
    await asyncio.gather(*accepting, return_exceptions=True)


async def _awaited(work: Awaitable[None]) -> None:
    await work


@contextmanager
def slot_double(name: str, port: int) -> Iterator[SlotDouble]:
    """One that listens."""
    slot = SlotDouble(name, port)
    thread = threading.Thread(target=slot._loop.run_forever, daemon=True)
    thread.start()
    slot.start()
    try:
        yield slot
    finally:
        slot.die()
        slot.run(_end_others())
        slot._loop.call_soon_threadsafe(slot._loop.stop)
        thread.join(10)
        slot._loop.close()


async def _end_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _main(name: str, port: int) -> None:
    await SlotDouble(name, port).serve()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
