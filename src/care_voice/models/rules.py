"""The safety rules: what bytes may pass, which answers to believe, when to give up. No I/O here.

A source can lie about anything. These rules look only at the bytes themselves and at what the catalogue pins.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Protocol

from care_voice.domain.model_errors import DigestMismatch, FileNotOffered, SourceUnavailable
from care_voice.models.catalogue import FileEntry
from care_voice.models.intervals import Span

_PACKAGE_SLACK_BYTES = 64 * 1024 * 1024
_NUMBER = r"[0-9]{1,19}"
_CONTENT_RANGE = re.compile(rf"^bytes ({_NUMBER})-({_NUMBER})/({_NUMBER}|\*)\Z")
_TRY_AGAIN = frozenset(
    {
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_EARLY,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_ABSENT = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_LOGIN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.PROXY_AUTHENTICATION_REQUIRED})


class Wanted(Protocol):
    """A file to fetch. `sha256` is None at the first pull of a model of the operator's own."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def sha256(self) -> str | None: ...


@dataclass(frozen=True)
class Unpinned:
    """A file whose digest is not known yet; its size is what the source says, and holds from then on."""

    name: str
    size: int
    sha256: None = None


class Interrupted(Exception):
    """A source broke off, and may go on when it is asked again. `retry_after_s` is what it asked to wait."""

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.retry_after_s = retry_after_s


def admit(wanted: Wanted, source: str, span: Span, position: int, count: int) -> None:
    """Let `count` bytes at `position` pass, which were asked for as part of `span`.

    Raises DigestMismatch when they go beyond it: a body longer than what was asked for is not the file, and no byte
    outside the pinned size is ever written.
    """
    start, stop = span
    if not start <= position <= position + count <= stop:
        raise mismatch(wanted, source, f"it is longer than {wanted.size} bytes")


def judge_digest(wanted: Wanted, source: str, size: int, sha256: str) -> None:
    """Accept a whole file. Raises DigestMismatch unless it is the pinned one; without a pin any digest will do."""
    if size != wanted.size:
        raise mismatch(wanted, source, _wrong_length(size, wanted.size))
    if wanted.sha256 is not None and sha256 != wanted.sha256:
        raise mismatch(wanted, source, f"its SHA-256 is {sha256}")


def mismatch(wanted: Wanted, source: str, why: str) -> DigestMismatch:
    return DigestMismatch(file=wanted.name, source=source, why=why)


@dataclass(frozen=True)
class Answer:
    """What an HTTP server said before its body: the headers that decide what the body may be."""

    status: int
    content_range: str | None = None
    content_length: int | None = None
    content_encoding: str | None = None
    retry_after_s: float | None = None


def body_start(answer: Answer, wanted: Wanted, source: str, span: Span) -> int:
    """The position in the file at which the body of this answer begins.

    Raises:
        FileNotOffered: The file is not there.
        Interrupted: It may be there later.
        SourceUnavailable: This source will not give it, or not in a way that can be trusted.
        DigestMismatch: It has another size than the pinned one.
    """
    _require_success(answer, wanted, source)
    if answer.content_encoding not in (None, "", "identity"):
        raise SourceUnavailable(source=source, why=f"it compressed {wanted.name}, which it was asked not to")
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        return _start_of_range(answer, wanted, source, span)
    length = answer.content_length
    if length is not None and length != wanted.size:
        raise mismatch(wanted, source, _wrong_length(length, wanted.size))
    return 0


def told_size(answer: Answer, name: str, source: str) -> int | None:
    """The size of a whole file in bytes, by the answer to a request for its first byte; None for an empty file.

    Raises FileNotOffered, Interrupted, and SourceUnavailable when it does not say: any number of bytes would do then.
    """
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        return None
    _require_success(answer, Unpinned(name, 0), source)
    size = answer.content_length
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        found = _CONTENT_RANGE.match(answer.content_range or "")
        size = int(found[3]) if found is not None and found[3] != "*" else None
    if size is None:
        raise SourceUnavailable(source=source, why=f"it does not say how large {name} is")
    return size or None


def _wrong_length(length: int, size: int) -> str:
    return f"it is longer than {size} bytes" if length > size else f"it ends after {length} of {size} bytes"


def _require_success(answer: Answer, wanted: Wanted, source: str) -> None:
    status = answer.status
    if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    if status in _ABSENT:
        raise FileNotOffered(source=source, file=wanted.name)
    said = f"it answered HTTP {status} for {wanted.name}"
    if status in _TRY_AGAIN:
        asks = f" and asks to wait {answer.retry_after_s:g} s" if answer.retry_after_s else ""
        raise Interrupted(said + asks, answer.retry_after_s)
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise mismatch(wanted, source, f"it is shorter than {wanted.size} bytes")
    hint = "; it wants a login (HF_TOKEN for the hub)" if status in _LOGIN else ""
    raise SourceUnavailable(source=source, why=said + hint)


def _start_of_range(answer: Answer, wanted: Wanted, source: str, span: Span) -> int:
    found = _CONTENT_RANGE.match(answer.content_range or "")
    if found is None:
        raise SourceUnavailable(source=source, why=f"it answered a range of {wanted.name} without saying which")
    first, last, total = int(found[1]), int(found[2]), found[3]
    if total != "*" and int(total) != wanted.size:
        raise mismatch(wanted, source, f"it is {total} bytes long, not {wanted.size}")
    if first != span[0] or last >= span[1]:
        raise SourceUnavailable(source=source, why=f"it answered another range of {wanted.name} than it was asked for")
    return first


class MinimumRate:
    """Finds a connection that is alive but useless: a byte now and then, to hold on to whoever waits for it."""

    def __init__(self, least_bytes_s: float, window_s: float, now: float) -> None:
        self._least = least_bytes_s * window_s
        self._window_s = window_s
        self._marks: deque[tuple[float, int]] = deque([(now, 0)])

    def check(self, now: float, received: int) -> None:
        """Take the bytes received so far at the time `now`. Raises Interrupted when a whole window brought too few."""
        self._marks.append((now, received))
        while len(self._marks) > 1 and self._marks[1][0] <= now - self._window_s:
            self._marks.popleft()
        began, had = self._marks[0]
        if now - began >= self._window_s and received - had < self._least:
            raise Interrupted(f"it sent only {received - had} bytes within {now - began:.0f} s")


class PackageBudget:
    """How large a package may get while it is downloaded: what it can hold of the model, and some slack.

    The package's own bytes are not pinned, so without this an index could fill the disk.
    """

    def __init__(self, model_bytes: int, source: str) -> None:
        self.limit_bytes = model_bytes + _PACKAGE_SLACK_BYTES
        self._source = source

    def check(self, package: str, size: int) -> None:
        """Raise SourceUnavailable when a package of `size` bytes cannot be what the catalogue means."""
        if size > self.limit_bytes:
            raise SourceUnavailable(source=self._source, why=f"{package} is larger than {self.limit_bytes} bytes")


ContentState = Literal["ok", "wrong_size", "wrong_digest"]


def judge(entry: FileEntry, size: int, sha256: str) -> ContentState:
    """Say what a stored file of `size` bytes with this SHA-256 is worth."""
    if size != entry.size:
        return "wrong_size"
    return "ok" if sha256 == entry.sha256 else "wrong_digest"
