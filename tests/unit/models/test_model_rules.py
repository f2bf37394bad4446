"""The safety rules hold for every file, every answer and every lie."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.model_errors import DigestMismatch, FileNotOffered, SourceUnavailable
from care_voice.models.catalogue import FileEntry
from care_voice.models.rules import (
    Answer,
    Interrupted,
    MinimumRate,
    PackageBudget,
    Unpinned,
    admit,
    body_start,
    judge,
    judge_digest,
)

contents = st.binary(min_size=1, max_size=200)
SIZE = 1000
ENTRY = FileEntry("model.bin", SIZE, "a" * 64)


def entry_of(content: bytes) -> FileEntry:
    return FileEntry("model.bin", len(content), hashlib.sha256(content).hexdigest())


@given(pinned=contents, other=contents)
def test_only_the_pinned_bytes_are_accepted(pinned: bytes, other: bytes) -> None:
    entry, digest = entry_of(pinned), hashlib.sha256(other).hexdigest()
    if other == pinned:
        judge_digest(entry, "s", len(other), digest)
    else:
        with pytest.raises(DigestMismatch):
            judge_digest(entry, "s", len(other), digest)


@given(pinned=contents, position=st.integers(0), bit=st.integers(0, 7))
def test_one_flipped_bit_is_refused(pinned: bytes, position: int, bit: int) -> None:
    flipped = bytearray(pinned)
    flipped[position % len(pinned)] ^= 1 << bit
    with pytest.raises(DigestMismatch, match="its SHA-256 is"):
        judge_digest(entry_of(pinned), "s", len(flipped), hashlib.sha256(flipped).hexdigest())


def test_without_a_pin_the_size_that_was_said_still_holds() -> None:
    judge_digest(Unpinned("model.bin", 3), "s", 3, "b" * 64)
    with pytest.raises(DigestMismatch, match="ends after 2 of 3"):
        judge_digest(Unpinned("model.bin", 3), "s", 2, "b" * 64)


@given(start=st.integers(0, SIZE), stop=st.integers(0, SIZE), at=st.integers(-5, SIZE + 5), count=st.integers(0, SIZE))
def test_no_byte_passes_that_was_not_asked_for(start: int, stop: int, at: int, count: int) -> None:
    inside = start <= at and at + count <= stop
    if inside:
        admit(ENTRY, "s", (start, stop), at, count)
    else:
        with pytest.raises(DigestMismatch, match="longer than 1000 bytes"):
            admit(ENTRY, "s", (start, stop), at, count)


def test_the_body_of_a_range_begins_where_it_was_asked_to() -> None:
    assert body_start(Answer(206, "bytes 100-199/1000", 100), ENTRY, "s", (100, 200)) == 100
    assert body_start(Answer(206, "bytes 100-150/*", 51), ENTRY, "s", (100, 200)) == 100


def test_a_server_without_ranges_sends_everything_from_the_front() -> None:
    assert body_start(Answer(200, None, 1000), ENTRY, "s", (100, 200)) == 0
    assert body_start(Answer(200), ENTRY, "s", (0, 1000)) == 0


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (Answer(206, "bytes 0-99/1000"), SourceUnavailable, "another range"),
        (Answer(206, "bytes 100-200/1000"), SourceUnavailable, "another range"),
        (Answer(206, None), SourceUnavailable, "without saying which"),
        (Answer(206, "bytes */1000"), SourceUnavailable, "without saying which"),
        (Answer(206, "bytes 100-199/999"), DigestMismatch, "999 bytes long, not 1000"),
        (Answer(200, None, 1001), DigestMismatch, "longer than 1000"),
        (Answer(200, None, 0), DigestMismatch, "ends after 0 of 1000"),
        (Answer(200, None, 1000, "gzip"), SourceUnavailable, "compressed"),
        (Answer(416), DigestMismatch, "shorter than 1000"),
        (Answer(404), FileNotOffered, "does not have"),
        (Answer(410), FileNotOffered, "does not have"),
        (Answer(401), SourceUnavailable, "HTTP 401 .*login"),
        (Answer(403), SourceUnavailable, "HTTP 403 .*login"),
        (Answer(451), SourceUnavailable, "HTTP 451"),
        (Answer(204), SourceUnavailable, "HTTP 204"),
        (Answer(304), SourceUnavailable, "HTTP 304"),
    ],
)
def test_what_a_server_may_not_answer(answer: Answer, error: type[Exception], why: str) -> None:
    with pytest.raises(error, match=why):
        body_start(answer, ENTRY, "s", (100, 200))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_that_is_busy_or_broken_is_asked_again_when_it_says(status: int) -> None:
    with pytest.raises(Interrupted, match=f"HTTP {status}") as caught:
        body_start(Answer(status, retry_after_s=7.0), ENTRY, "s", (0, 10))
    assert caught.value.retry_after_s == 7.0


@given(st.integers(100, 599), st.text(max_size=40), st.one_of(st.none(), st.integers(0, 2000)))
def test_no_answer_is_believed_that_could_put_bytes_in_the_wrong_place(
    status: int, content_range: str, length: int | None
) -> None:
    try:
        start = body_start(Answer(status, content_range, length), ENTRY, "s", (100, 200))
    except (DigestMismatch, FileNotOffered, SourceUnavailable, Interrupted):
        return
    assert (status, start) in {(200, 0), (206, 100)}


def test_a_connection_that_trickles_is_given_up_and_one_that_pauses_is_not() -> None:
    rate = MinimumRate(least_bytes_s=100, window_s=10, now=0)
    rate.check(9, 0)
    rate.check(9.5, 2000)
    rate.check(19, 2000)
    with pytest.raises(Interrupted, match="only 50 bytes within 10 s"):
        rate.check(19.6, 2050)


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=100))
def test_a_steady_connection_is_never_given_up(steps: list[int]) -> None:
    rate, received = MinimumRate(least_bytes_s=100, window_s=10, now=0), 0
    for now, step in enumerate(steps, start=1):
        received += 100 + step
        rate.check(now, received)


@given(size=st.integers(0, 2**40), model_bytes=st.integers(1, 2**40))
def test_a_package_stays_near_the_size_of_its_model(size: int, model_bytes: int) -> None:
    budget = PackageBudget(model_bytes, "s")
    if size <= budget.limit_bytes:
        budget.check("p==1", size)
    else:
        with pytest.raises(SourceUnavailable, match="p==1 is larger"):
            budget.check("p==1", size)
    assert budget.limit_bytes > model_bytes


@given(pinned=contents, stored=contents)
def test_stored_bytes_are_ok_only_if_they_are_the_pinned_ones(pinned: bytes, stored: bytes) -> None:
    state = judge(entry_of(pinned), len(stored), hashlib.sha256(stored).hexdigest())
    assert (state == "ok") == (stored == pinned)
    assert (state == "wrong_size") == (len(stored) != len(pinned))
