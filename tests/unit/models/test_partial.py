"""A file on its way in never claims a byte that it lacks, wherever the process that wrote it was killed."""

from __future__ import annotations

import errno
import os
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from care_voice.models import partial as partial_module
from care_voice.models.intervals import Intervals, Span
from care_voice.models.partial import Partial, claimed_bytes, covered_bytes, discard_partial, open_partial
from support.stores import noise

SIZE = 300
CONTENT = noise(3, SIZE)
spans = st.tuples(st.integers(0, SIZE), st.integers(0, SIZE)).map(lambda span: (min(span), max(span)))


def have(path: Path) -> Intervals:
    """What a process that opens the file now believes to have."""
    with open_partial(path, SIZE) as partial:
        return Intervals(Intervals(partial.missing()).missing(SIZE))


def journal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.journal")


class Kills(RuleBasedStateMachine):
    """Writes by one process after the other, each of which may die in the middle of a write."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.path = Path(self.directory.name) / "file"
        self.noted = Intervals()

    def teardown(self) -> None:
        self.directory.cleanup()

    def write(self, parts: list[Span]) -> None:
        with open_partial(self.path, SIZE) as partial:
            for start, stop in parts:
                partial.write(start, CONTENT[start:stop])
                self.noted.add(start, stop)

    @rule(parts=st.lists(spans, max_size=4))
    def run_to_the_end(self, parts: list[Span]) -> None:
        self.write(parts)

    @rule(parts=st.lists(spans, max_size=3), last=spans)
    def die_before_the_journal_has_it(self, parts: list[Span], last: Span) -> None:
        self.write(parts)
        with self.path.open("r+b") as file:
            file.seek(last[0])
            file.write(CONTENT[slice(*last)])

    @rule(last=spans, torn=st.integers(1, 15))
    def die_while_the_journal_is_written(self, last: Span, torn: int) -> None:
        self.die_before_the_journal_has_it([], last)
        with journal_of(self.path).open("ab") as journal:
            journal.write(struct.pack("<QQ", last[0], last[1] - last[0])[:torn])

    @rule(lost=st.integers(1, 100))
    def lose_the_end_of_the_journal(self, lost: int) -> None:
        self.write([])
        length = journal_of(self.path).stat().st_size
        os.truncate(journal_of(self.path), max(0, length - lost))
        self.noted = have(self.path)

    @rule()
    def start_over(self) -> None:
        with open_partial(self.path, SIZE) as partial:
            partial.start_over()
            assert partial.missing() == [(0, SIZE)]
            assert not partial.resumed
        self.noted = Intervals()

    @rule(which=st.sampled_from(["file", "journal"]))
    def lose_one_of_both(self, which: str) -> None:
        (self.path if which == "file" else journal_of(self.path)).unlink(missing_ok=True)
        self.noted = Intervals()

    @invariant()
    def what_is_claimed_is_there_and_what_was_noted_is_claimed(self) -> None:
        assert covered_bytes(self.path, SIZE) == self.noted.covered
        believed = have(self.path)
        assert list(believed) == list(self.noted)
        content = self.path.read_bytes()
        assert len(content) == SIZE
        for start, stop in believed:
            assert content[start:stop] == CONTENT[start:stop]


TestKills = Kills.TestCase
TestKills.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize("taken", [0, 5, 15])
def test_a_record_that_a_full_disk_cuts_short_does_not_shift_those_that_follow(
    path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    real = os.write
    with open_partial(path, SIZE) as partial:
        partial.write(0, CONTENT[:50])
        monkeypatch.setattr(partial_module.os, "write", lambda file, record: real(file, record[:taken]))
        with pytest.raises(OSError, match="No space left") as caught:
            partial.write(50, CONTENT[50:100])
        assert caught.value.errno == errno.ENOSPC
        monkeypatch.setattr(partial_module.os, "write", real)
        partial.write(200, CONTENT[200:250])
    assert list(have(path)) == [(0, 50), (200, 250)]


def test_bytes_that_could_not_be_written_are_not_claimed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with open_partial(path, SIZE) as partial:
        partial.write(0, CONTENT[:50])
        monkeypatch.setattr(partial_module.os, "pwrite", refuse)
        with pytest.raises(OSError, match="error"):
            partial.write(50, CONTENT[50:100])
        assert partial.covered == 50
    assert list(have(path)) == [(0, 50)]


def test_a_write_that_takes_only_a_part_is_gone_on_with(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(partial_module.os, "pwrite", lambda file, data, at: real(file, data[:7], at))
    with open_partial(path, SIZE) as partial:
        partial.write(0, CONTENT)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_that_cannot_claim_space_is_used_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(partial_module.os, "posix_fallocate", refuse)
    with open_partial(path, SIZE) as partial:
        partial.write(0, CONTENT)
    assert path.read_bytes() == CONTENT


def test_the_space_is_claimed_before_anything_comes(path: Path) -> None:
    assert claimed_bytes(path, 100_000) == 0
    with open_partial(path, 100_000):
        assert claimed_bytes(path, 100_000) == 100_000


def test_a_file_that_is_too_long_is_cut(path: Path) -> None:
    path.write_bytes(CONTENT + b"more")
    journal_of(path).touch()
    assert list(have(path)) == []
    assert path.stat().st_size == SIZE


def test_records_that_make_no_sense_are_not_believed(path: Path) -> None:
    path.write_bytes(CONTENT)
    records = [(0, 10), (SIZE - 1, 2), (2**63, 5), (2**64 - 1, 2**64 - 1), (20, 0)]
    journal_of(path).write_bytes(b"".join(struct.pack("<QQ", *record) for record in records))
    assert list(have(path)) == [(0, 10)]


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    path.symlink_to(victim)
    journal_of(path).touch()
    with pytest.raises(OSError, match="symbolic links"), open_partial(path, SIZE):
        pytest.fail("it was opened")
    assert victim.read_bytes() == b"mine"


def test_what_is_discarded_is_gone(path: Path) -> None:
    with open_partial(path, SIZE) as partial:
        partial.write(0, CONTENT)
    discard_partial(path)
    discard_partial(path)
    assert not path.exists()
    assert not journal_of(path).exists()
    assert covered_bytes(path, SIZE) == 0


def test_threads_that_write_at_a_time_lose_nothing(path: Path) -> None:
    with open_partial(path, SIZE) as partial:
        threads = [threading.Thread(target=_writer(partial, number)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert partial.missing() == []
    assert list(have(path)) == [(0, SIZE)]
    assert path.read_bytes() == CONTENT


def _writer(partial: Partial, number: int) -> Callable[[], None]:
    def write() -> None:
        for at in range(number, SIZE, 4):
            partial.write(at, CONTENT[at : at + 1])

    return write
