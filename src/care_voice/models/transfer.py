"""One file from one source: parallel ranges, resumed where they were cut; a source that wastes time is given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from care_voice.domain.model_errors import SourceUnavailable
from care_voice.models.intervals import Span, split
from care_voice.models.partial import Partial
from care_voice.models.progress import Watch
from care_voice.models.rules import Interrupted, Wanted, admit
from care_voice.models.sources.base import Body, Session

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_PROGRESS_BYTES = 64 * 1024
_PROGRESS_PARTS = 20
"""A try that brought this many bytes, or this part of what was asked for, was worth it: the count of failures starts
afresh."""


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Connections, retries and when a source is given up."""

    connections: int = 4
    """Ranges of one large file that are fetched at a time, where the server can send ranges."""

    least_range_bytes: int = 8 * 1024 * 1024
    """A file is not cut into smaller ranges than this: each costs a request."""

    attempts: int = 5
    """Tries in a row that may bring nothing before a source is given up; a cut after some progress does not count."""

    first_attempts: int = 2
    """The same for a source that has not sent a byte yet, while there is another one to ask."""

    backoff_first_s: float = 0.5
    """Wait before the second try; it doubles, with jitter."""

    backoff_max_s: float = 30.0
    """Longest wait between tries, unless the server asks for a longer one."""

    retry_after_max_s: float = 120.0
    """A server that asks to wait longer than this (Retry-After) is given up for now."""


def retrying(settings: TransferSettings, attempts: int, sleep: Callable[[float], None]) -> Retrying:
    """Calls something until it is not interrupted any more, with backoff; raises the last Interrupted.

    A server that asks to wait for too long is not asked again.
    """
    first = settings.backoff_first_s
    backoff = wait_exponential_jitter(multiplier=first, jitter=first, max=settings.backoff_max_s)

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_s if isinstance(error, Interrupted) else None
        return max(backoff(state), asked or 0.0)

    def worth_it(error: BaseException) -> bool:
        return isinstance(error, Interrupted) and (error.retry_after_s or 0.0) <= settings.retry_after_max_s

    return Retrying(
        retry=retry_if_exception(worth_it), stop=stop_after_attempt(attempts), wait=pause, sleep=sleep, reraise=True
    )


class Transfer:
    """Fills a partial file from a session.

    `others` says that there is another source to ask when this one fails.
    """

    def __init__(
        self,
        wanted: Wanted,
        partial: Partial,
        session: Session,
        *,
        source: str,
        watch: Watch,
        settings: TransferSettings,
        others: bool,
    ) -> None:
        self._wanted = wanted
        self._partial = partial
        self._session = session
        self._source = source
        self._watch = watch
        self._settings = settings
        self._others = others
        self._stop = threading.Event()
        self._answered = threading.Event()
        self._alone = not session.parallel
        self._lock = threading.Lock()
        self._bodies: list[Body] = []
        self.delivered = False
        """Whether any byte of the file came from this session."""

    def run(self) -> None:
        """Fetch everything that is missing.

        Raises FileNotOffered, SourceUnavailable, DigestMismatch, PullCancelled and OSError; what came stays.
        """
        self._report()
        missing = self._partial.missing()
        if not self._alone:
            missing = split(missing, self._settings.connections, self._settings.least_range_bytes)
        if missing:
            self._fetch_beside(missing)
        # What a server without ranges did not send before it was cut, and what was refused beside other connections.
        for span in self._partial.missing():
            self._fetch_beside([span])

    def _fetch_beside(self, spans: Sequence[Span]) -> None:
        """Fetch spans at the same time, each on a connection of its own.

        Some servers allow a client fewer connections: a span that could not be had is an error only when it was the
        only one, or when nothing came at all.
        """
        before = self._partial.covered
        with ThreadPoolExecutor(len(spans), "model-range") as threads:
            tasks = [threads.submit(self._guarded, self._lead, spans[0])]
            tasks += [threads.submit(self._guarded, self._follow, span) for span in spans[1:]]
            try:
                self._wait_for(tasks)
            except BaseException:
                self._halt()
                raise
        given_up = next((error for task in tasks if (error := task.result()) is not None), None)
        if given_up is not None and (len(spans) == 1 or self._partial.covered == before):
            raise SourceUnavailable(source=self._source, why=f"{self._wanted.name}: {given_up.why}") from given_up

    def _wait_for(self, tasks: Sequence[Future[Interrupted | None]]) -> None:
        """From here a cancellation is seen also while no connection brings anything."""
        pending = set(tasks)
        while pending:
            done, pending = wait(pending, _POLL_S, FIRST_EXCEPTION)
            self._watch.check()
            for task in done:
                task.result()

    def _halt(self) -> None:
        """End all connections, and wake those who wait for bytes."""
        self._stop.set()
        self._answered.set()
        with self._lock:
            for body in self._bodies:
                body.hang_up()

    def _guarded(self, fetch: Callable[[Span], Interrupted | None], span: Span) -> Interrupted | None:
        """Let the others know when a connection fails for good: they would fetch for nothing."""
        try:
            return fetch(span)
        except BaseException:
            self._stop.set()
            raise

    def _lead(self, span: Span) -> Interrupted | None:
        """The first span goes ahead until it is answered: that tells whether the server does ranges at all."""
        try:
            given_up = self._fetch(span)
            if given_up is not None and not self._answered.is_set():
                self._stop.set()
            return given_up
        finally:
            self._answered.set()

    def _follow(self, span: Span) -> Interrupted | None:
        self._answered.wait()
        return None if self._alone else self._fetch(span)

    def _fetch(self, span: Span) -> Interrupted | None:
        """Fetch one span, trying again for as long as the source is worth it. Returns why it was given up."""
        while self._missing_within(span) and not self._stop.is_set():
            try:
                retrying(self._settings, self._attempts, self._sleep)(self._attempt, span)
            except Interrupted as error:
                return error
        return None

    def _missing_within(self, span: Span) -> list[Span]:
        start, stop = span
        return [(max(a, start), min(b, stop)) for a, b in self._partial.missing() if a < stop and b > start]

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._stop.wait(min(left, _POLL_S)):
            self._watch.check()

    @property
    def _attempts(self) -> int:
        known = self.delivered or not self._others
        return self._settings.attempts if known else self._settings.first_attempts

    def _attempt(self, within: Span) -> None:
        """One request. A cut after progress ends it without an error, for the next one to go on from there."""
        missing = self._missing_within(within)
        if self._stop.is_set() or not missing:
            return
        span = missing[0]
        try:
            self._request(span)
        except Interrupted as error:
            if self._stop.is_set():
                return
            log.info("download_cut", file=self._wanted.name, source=self._source, why=error.why, at=span[0])
            asked = span[1] - span[0]
            came = asked - sum(stop - start for start, stop in self._missing_within(span))
            if came < max(1, min(_PROGRESS_BYTES, asked // _PROGRESS_PARTS)):
                raise

    def _request(self, span: Span) -> None:
        with self._session.body(self._wanted, span) as body, self._known(body):
            if body.whole and not self._answered.is_set():
                self._alone = True
            self._answered.set()
            if self._stop.is_set():
                return
            reach = (span[0], self._wanted.size) if body.whole and self._alone else span
            self._take(body, reach)

    @contextmanager
    def _known(self, body: Body) -> Iterator[None]:
        """Let `_halt` reach the body while it is open."""
        with self._lock:
            self._bodies.append(body)
        try:
            yield
        finally:
            with self._lock:
                self._bodies.remove(body)

    def _take(self, body: Body, span: Span) -> None:
        position, (start, stop) = body.start, span
        for chunk in body.chunks:
            if self._stop.is_set():
                return
            first, position = position, position + len(chunk)
            piece = chunk[max(0, start - first) :]
            if body.whole and stop < self._wanted.size:
                piece = piece[: max(0, stop - max(first, start))]
            self._write(span, max(first, start), piece)
            if position >= stop:
                return
        raise Interrupted(f"it ends after {position} of {self._wanted.size} bytes")

    def _write(self, span: Span, position: int, piece: bytes) -> None:
        if piece:
            admit(self._wanted, self._source, span, position, len(piece))
            self._partial.write(position, piece)
            self.delivered = True
        self._report()

    def _report(self) -> None:
        wanted, done = self._wanted, self._partial.covered
        self._watch.report("downloading", wanted.name, done, wanted.size, source=self._source)
