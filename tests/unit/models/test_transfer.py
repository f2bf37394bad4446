"""However a source cuts, splits or repeats a file, what arrives is the file; and no byte is asked for twice."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_voice.domain.model_errors import DigestMismatch, FileNotOffered, PullCancelled, SourceUnavailable
from care_voice.models.catalogue import FileEntry
from care_voice.models.intervals import Intervals, Span
from care_voice.models.partial import open_partial
from care_voice.models.progress import Progress, Watch
from care_voice.models.rules import Interrupted, Wanted
from care_voice.models.sources.base import Body
from care_voice.models.transfer import Transfer, TransferSettings
from support.stores import noise, sha256

SIZE = 2000
CONTENT = noise(4, SIZE)
ENTRY = FileEntry("model.bin", SIZE, sha256(CONTENT))
EAGER = TransferSettings(
    connections=3, least_range_bytes=100, attempts=4, first_attempts=2, backoff_first_s=0.0, backoff_max_s=0.0
)


@dataclass
class Memory:
    """A source in memory. `cuts` says after how many bytes each request is cut; later requests are served whole."""

    content: bytes = CONTENT
    parallel: bool = True
    ranges: bool = True
    chunk: int = 64
    cuts: deque[int] = field(default_factory=deque)
    asked: list[Span] = field(default_factory=list)
    given: Intervals = field(default_factory=Intervals)
    again: int = 0
    refuse: Callable[[Span], Exception | None] = lambda _: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:  # noqa: ARG002 - the interface
        with self.lock:
            self.asked.append(span)
            cut = self.cuts.popleft() if self.cuts else None
            error = self.refuse(span)
        if error is not None:
            raise error
        start, stop = span if self.ranges else (0, len(self.content))
        yield Body(start, not self.ranges, self._chunks(start, stop, cut))

    def _chunks(self, start: int, stop: int, cut: int | None) -> Iterator[bytes]:
        end = stop if cut is None else min(stop, start + cut)
        for at in range(start, end, self.chunk):
            piece = self.content[at : min(end, at + self.chunk)]
            with self.lock:
                before = self.given.covered
                self.given.add(at, at + len(piece))
                self.again += len(piece) - (self.given.covered - before)
            yield piece
        if cut is not None:
            raise Interrupted("it was cut")

    def size(self, name: str) -> int | None:  # noqa: ARG002 - the interface
        return len(self.content)

    def signature(self) -> bytes | None:
        return None


def transfer(
    session: Memory,
    directory: Path,
    *,
    settings: TransferSettings = EAGER,
    others: bool = False,
    watch: Watch | None = None,
) -> bytes:
    """What is in the file once it is complete."""
    path = directory / "file"
    with open_partial(path, SIZE) as partial:
        watch = watch or Watch("m")
        each = Transfer(ENTRY, partial, session, source="s", watch=watch, settings=settings, others=others)
        each.run()
        assert partial.missing() == []
    return path.read_bytes()


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, SIZE), max_size=6),
    chunk=st.integers(1, 700),
    connections=st.integers(1, 5),
    parallel=st.booleans(),
    had=st.lists(st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)), max_size=3),
)
def test_a_source_with_ranges_gives_every_byte_once(
    *, cuts: list[int], chunk: int, connections: int, parallel: bool, had: list[Span]
) -> None:
    session = Memory(parallel=parallel, chunk=chunk, cuts=deque(cuts))
    many = replace(EAGER, connections=connections, attempts=len(cuts) + 1)
    with TemporaryDirectory() as directory:
        with open_partial(Path(directory) / "file", SIZE) as partial:
            for start, stop in had:
                partial.write(start, CONTENT[start:stop])
            missing = sum(stop - start for start, stop in partial.missing())
        assert transfer(session, Path(directory), settings=many) == CONTENT
    assert session.again == 0
    assert session.given.covered == missing


@settings(max_examples=60, deadline=None)
@given(
    cuts=st.lists(st.integers(0, SIZE), max_size=6),
    chunk=st.integers(1, 700),
    connections=st.integers(1, 5),
    parallel=st.booleans(),
)
def test_a_source_without_ranges_is_right_in_the_end_too(
    *, cuts: list[int], chunk: int, connections: int, parallel: bool
) -> None:
    session = Memory(parallel=parallel, ranges=False, chunk=chunk, cuts=deque(cuts))
    many = replace(EAGER, connections=connections, attempts=len(cuts) + 1)
    with TemporaryDirectory() as directory:
        assert transfer(session, Path(directory), settings=many) == CONTENT
    assert len(session.asked) <= len(cuts) + 1


@settings(max_examples=40, deadline=None)
@given(longer=st.integers(1, 900), ranges=st.booleans(), chunk=st.integers(1, 700))
def test_what_is_longer_than_it_should_be_is_refused(longer: int, chunk: int, *, ranges: bool) -> None:
    class Longer(Memory):
        def _chunks(self, start: int, stop: int, cut: int | None) -> Iterator[bytes]:  # noqa: ARG002 - the interface
            tail = bytes(longer)
            yield self.content[start:stop] + tail if ranges else self.content + tail

    with TemporaryDirectory() as directory:
        with pytest.raises(DigestMismatch, match="longer than"):
            transfer(Longer(ranges=ranges, chunk=chunk), Path(directory))
        assert (Path(directory) / "file").stat().st_size == SIZE


def test_a_source_that_is_worth_nothing_is_given_up_and_what_came_stays(tmp_path: Path) -> None:
    session = Memory(cuts=deque([700] + [0] * 50))
    with pytest.raises(SourceUnavailable, match=r"model\.bin: it was cut"):
        transfer(session, tmp_path, settings=replace(EAGER, connections=1))
    assert len(session.asked) == 1 + EAGER.attempts
    assert transfer(Memory(), tmp_path) == CONTENT


def test_a_source_that_brings_something_each_time_is_never_given_up(tmp_path: Path) -> None:
    session = Memory(cuts=deque([SIZE // 20 + 1] * 30))
    assert transfer(session, tmp_path, settings=replace(EAGER, connections=1, attempts=1)) == CONTENT


@pytest.mark.parametrize(("others", "tries"), [(True, EAGER.first_attempts), (False, EAGER.attempts)])
def test_a_source_that_never_gave_a_byte_is_asked_less_often_when_there_is_another(
    tmp_path: Path, tries: int, *, others: bool
) -> None:
    session = Memory(refuse=lambda _: Interrupted("busy"))
    with pytest.raises(SourceUnavailable, match="busy"):
        transfer(session, tmp_path, others=others)
    assert len(session.asked) == tries


@pytest.mark.parametrize("allowed", [1, 2])
def test_connections_that_are_not_allowed_cost_nothing_but_themselves(tmp_path: Path, allowed: int) -> None:
    def refuse(span: Span) -> Exception | None:
        served = 500 * allowed
        fits = span[0] < served or session.given.covered >= served
        return None if fits else Interrupted("too many connections")

    session = Memory(refuse=refuse)
    assert transfer(session, tmp_path, settings=replace(EAGER, connections=4)) == CONTENT
    assert session.again == 0


@pytest.mark.parametrize(
    "error",
    [
        FileNotOffered(source="s", file="model.bin"),
        SourceUnavailable(source="s", why="login"),
        DigestMismatch(file="model.bin", source="s", why="other size"),
        OSError("the disk is full"),
    ],
)
def test_what_cannot_be_mended_ends_all_connections(tmp_path: Path, error: Exception) -> None:
    session = Blocking(refuse=lambda span: error if span[0] > 0 else None)
    with pytest.raises(type(error)):
        transfer(session, tmp_path)
    assert session.woken == 1


def test_a_cancellation_wakes_connections_that_wait(tmp_path: Path) -> None:
    cancel, session = threading.Event(), Blocking()
    session.begun = cancel.set
    with pytest.raises(PullCancelled):
        transfer(session, tmp_path, watch=Watch("m", None, cancel))
    assert session.woken >= 1


def test_an_interrupt_of_the_waiting_thread_wakes_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Blocking()

    class Interrupting(Watch):
        def check(self) -> None:
            if threading.current_thread() is threading.main_thread() and session.open:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transfer(session, tmp_path, watch=Interrupting("m"))
    assert session.woken >= 1


class Blocking(Memory):
    """Gives one chunk on each connection, and nothing more until it is hung up."""

    woken = 0
    open = 0
    begun: Callable[[], object] = staticmethod(lambda: None)

    @contextmanager
    def body(self, wanted: Wanted, span: Span) -> Iterator[Body]:  # noqa: ARG002 - the interface
        error = self.refuse(span)
        if error is not None:
            raise error
        gone = threading.Event()

        def chunks() -> Iterator[bytes]:
            yield CONTENT[span[0] : span[0] + 10]
            self.open += 1
            self.begun()
            assert gone.wait(20), "nobody woke it"
            self.woken += 1
            raise Interrupted("hung up")

        yield Body(span[0], whole=False, chunks=chunks(), hang_up=gone.set)


def test_progress_never_goes_back_and_ends_at_the_size(tmp_path: Path) -> None:
    events: list[Progress] = []
    transfer(Memory(cuts=deque([300, 0, 200])), tmp_path, watch=Watch("m", events.append))
    done = [event.done_bytes for event in events]
    assert max(done) == SIZE
    assert {(event.phase, event.file, event.total_bytes, event.source) for event in events} == {
        ("downloading", "model.bin", SIZE, "s")
    }
    assert done[0] == 0


def test_one_connection_reports_in_order(tmp_path: Path) -> None:
    events: list[int] = []
    watch = Watch("m", lambda event: events.append(event.done_bytes))
    transfer(Memory(cuts=deque([300, 0, 200])), tmp_path, settings=replace(EAGER, connections=1), watch=watch)
    assert events == sorted(events)
    assert events[-1] == SIZE
