"""Files over HTTP: one request with a deadline for its answer, ranges, and what broke mapped to our words."""

from __future__ import annotations

import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http import HTTPStatus

import httpx2

import care_voice
from care_voice.domain.model_errors import FileNotOffered, SourceUnavailable
from care_voice.domain.retry_after import retry_after_s
from care_voice.models.intervals import Span
from care_voice.models.progress import Watch
from care_voice.models.rules import (
    Answer,
    Interrupted,
    MinimumRate,
    Unpinned,
    Wanted,
    body_start,
    mismatch,
    told_size,
)
from care_voice.models.sources.base import SIGNATURE_LIMIT_BYTES, SIGNATURE_NAME, Body, HttpTimeouts

_POLL_S = 0.1
_HOPELESS = (httpx2.TooManyRedirects, httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.DecodingError)
_BROKEN = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError)
_DIGITS = re.compile(r"[0-9]+")
_MAX_DIGITS = 19


def new_client() -> httpx2.Client:
    """A client for one session, to be closed."""
    return httpx2.Client()


class HttpFiles:
    """Asks one client for files. `url_of` maps a file's name to its address, or to None where there is none."""

    parallel = True

    def __init__(
        self,
        source: str,
        client: httpx2.Client,
        url_of: Callable[[str], str | None],
        watch: Watch,
        timeouts: HttpTimeouts,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._source = source
        self._client = client
        self._url_of = url_of
        self._watch = watch
        self._timeouts = timeouts
        # Stored bytes are what is pinned, and a compressed body could swell in memory before it can be counted.
        own = {"User-Agent": f"care-voice/{care_voice.__version__}", "Accept-Encoding": "identity"}
        self._headers = {**own, **(headers or {})}
        self._tags: dict[str, str] = {}

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:
        with self._answer(wanted.name, _range_of(span)) as response:
            start = body_start(_answer_of(response), wanted, self._source, span)
            self._require_unchanged(wanted, response)
            whole = response.status_code == HTTPStatus.OK
            yield Body(start, whole, self._chunks(response), lambda: _hang_up(response))

    def size(self, name: str) -> int | None:
        """As the source says it: of the whole file, with a request for its first byte."""
        try:
            with self._answer(name, "bytes=0-0") as response:
                return told_size(_answer_of(response), name, self._source)
        except FileNotOffered:
            return None

    def signature(self) -> bytes | None:
        try:
            with self._answer(SIGNATURE_NAME, None) as response:
                answer = Answer(response.status_code)
                body_start(answer, Unpinned(SIGNATURE_NAME, 0), self._source, (0, SIGNATURE_LIMIT_BYTES))
                return self._small(response)
        except FileNotOffered:
            return None

    def _small(self, response: httpx2.Response) -> bytes:
        content = bytearray()
        for chunk in self._chunks(response):
            content += chunk
            if len(content) > SIGNATURE_LIMIT_BYTES:
                raise SourceUnavailable(source=self._source, why=f"its {SIGNATURE_NAME} is larger than any signature")
        return bytes(content)

    @contextmanager
    def _answer(self, name: str, byte_range: str | None) -> Iterator[httpx2.Response]:
        url = self._url_of(name)
        if url is None:
            raise FileNotOffered(source=self._source, file=name)
        headers = {**self._headers, **({"Range": byte_range} if byte_range else {})}
        timeout = httpx2.Timeout(self._timeouts.read_s, connect=self._timeouts.connect_s)
        request = self._client.build_request("GET", url, headers=headers, timeout=timeout)
        with self._mapped():
            response = _Asking(self._client, request, self._timeouts.answer_s).wait(self._watch)
        try:
            yield response
        finally:
            response.close()

    def _chunks(self, response: httpx2.Response) -> Iterator[bytes]:
        received, rate = 0, MinimumRate(self._timeouts.least_bytes_s, self._timeouts.read_s, time.monotonic())
        # Without a chunk size the bytes come as the network brings them: what has arrived is never lost in a buffer.
        with self._mapped():
            for chunk in response.iter_raw():
                received += len(chunk)
                yield chunk
                rate.check(time.monotonic(), received)

    def _require_unchanged(self, wanted: Wanted, response: httpx2.Response) -> None:
        """Without a pinned digest, parts of two versions of a file would make a third one that nobody meant."""
        tag = response.headers.get("etag") or response.headers.get("last-modified")
        if wanted.sha256 is None and tag and self._tags.setdefault(wanted.name, tag) != tag:
            raise mismatch(wanted, self._source, "it changed while it was fetched")

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except _HOPELESS as error:
            raise SourceUnavailable(source=self._source, why=_say(error)) from error
        except _BROKEN as error:
            raise Interrupted(_say(error)) from error


class _Asking:
    """Waits for an answer no longer than it should take.

    The client's connect timeout counts for each address of a name, one after the other, so a blocked hub with eight
    addresses would cost eight of them; and a server may send its headers a letter a second. Asking from a thread bounds
    the whole, and lets a cancellation through.
    """

    def __init__(self, client: httpx2.Client, request: httpx2.Request, answer_s: float) -> None:
        self._client = client
        self._request = request
        self._answer_s = answer_s
        self._given_up = threading.Event()
        self._box: queue.Queue[httpx2.Response | Exception] = queue.Queue(maxsize=1)

    def wait(self, watch: Watch) -> httpx2.Response:
        """Return the open response. Raises what the client raises, PullCancelled, or TimeoutError."""
        threading.Thread(target=self._ask, name="model-request", daemon=True).start()
        try:
            return self._take(watch)
        except BaseException:
            self._given_up.set()
            self._close_late_answer()
            raise

    def _take(self, watch: Watch) -> httpx2.Response:
        deadline = time.monotonic() + self._answer_s
        while time.monotonic() < deadline:
            watch.check()
            try:
                answer = self._box.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(answer, Exception):
                raise answer
            return answer
        raise TimeoutError(f"no answer within {self._answer_s:g} s")

    def _ask(self) -> None:
        try:
            self._box.put(self._client.send(self._request, stream=True, follow_redirects=True))
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread that waits raises it again
            self._box.put(error)
        if self._given_up.is_set():
            self._close_late_answer()

    def _close_late_answer(self) -> None:
        try:
            answer = self._box.get_nowait()
        except queue.Empty:
            return
        if isinstance(answer, httpx2.Response):
            answer.close()


def _range_of(span: Span) -> str:
    return f"bytes={span[0]}-{span[1] - 1}"


def _hang_up(response: httpx2.Response) -> None:
    """End the connection. Closing it would not wake a thread that waits for its next byte."""
    stream = response.extensions.get("network_stream")
    connection = stream and stream.get_extra_info("socket")
    if isinstance(connection, socket.socket):
        with suppress(OSError):
            # Of the plain socket, also under TLS: the encrypted one drops state that the other thread is using.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _answer_of(response: httpx2.Response) -> Answer:
    headers = response.headers
    return Answer(
        response.status_code,
        headers.get("content-range"),
        _number(headers.get("content-length", "")),
        headers.get("content-encoding"),
        retry_after_s(headers.get("retry-after"), datetime.now(UTC)),
    )


def _number(text: str) -> int | None:
    """A number of bytes; None for what is none, or what no file can have."""
    return int(text) if _DIGITS.fullmatch(text) and len(text) <= _MAX_DIGITS else None


def _say(error: Exception) -> str:
    return str(error) or type(error).__name__
