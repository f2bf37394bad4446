"""What a server can get wrong about one request."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from support.faulty_server import Reply, Talk

_PIECE = 64 * 1024


def changed(headers: Mapping[str, str], by: Mapping[str, str | None]) -> dict[str, str]:
    """The headers with some replaced; None leaves one out."""
    return {name: value for name, value in {**headers, **by}.items() if value is not None}


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
