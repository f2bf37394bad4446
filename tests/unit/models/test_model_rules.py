"""The safety rules hold for every file, every chunking and every lie."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.errors import DigestMismatch, SourceUnavailable
from care_voice.models.catalogue import FileEntry
from care_voice.models.rules import ExpectedBytes, PackageBudget, judge

contents = st.binary(min_size=1, max_size=200)
chunkings = st.lists(st.binary(max_size=60), max_size=8)


def entry_of(content: bytes) -> FileEntry:
    return FileEntry("model.bin", len(content), hashlib.sha256(content).hexdigest())


@given(chunks=chunkings.filter(any))
def test_the_pinned_bytes_pass_in_any_chunking(chunks: list[bytes]) -> None:
    rules = ExpectedBytes(entry_of(b"".join(chunks)), "s")
    for chunk in chunks:
        rules.feed(chunk)
    rules.finish()
    assert rules.received == sum(map(len, chunks))


@given(pinned=contents, chunks=chunkings)
def test_no_other_bytes_pass(pinned: bytes, chunks: list[bytes]) -> None:
    rules = ExpectedBytes(entry_of(pinned), "s")
    try:
        for chunk in chunks:
            rules.feed(chunk)
        rules.finish()
    except DigestMismatch:
        assert b"".join(chunks) != pinned
    else:
        assert b"".join(chunks) == pinned


@given(pinned=contents, position=st.integers(0), bit=st.integers(0, 7))
def test_one_flipped_bit_is_refused(pinned: bytes, position: int, bit: int) -> None:
    flipped = bytearray(pinned)
    flipped[position % len(pinned)] ^= 1 << bit
    rules = ExpectedBytes(entry_of(pinned), "s")
    rules.feed(bytes(flipped))
    with pytest.raises(DigestMismatch):
        rules.finish()


@given(pinned=contents, extra=st.binary(min_size=1, max_size=60), after=chunkings)
def test_the_cap_closes_for_good(pinned: bytes, extra: bytes, after: list[bytes]) -> None:
    rules = ExpectedBytes(entry_of(pinned), "s")
    rules.feed(pinned)
    for chunk in [extra, *after]:
        with pytest.raises(DigestMismatch, match="longer than"):
            rules.feed(chunk)
    with pytest.raises(DigestMismatch):
        rules.finish()
    assert rules.received == len(pinned)


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
