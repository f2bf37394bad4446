"""Which bytes a client gets: RFC 9110, section 14."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from care_voice.api.ranges import ByteRange, is_unchanged, range_asked
from care_voice.domain.store_errors import RangeNotSatisfiable

ETAG = '"digest"'
sizes = st.integers(1, 10_000)
positions = st.integers(0, 12_000)


def asked(header: str | None, size: int = 100, condition: str | None = None) -> ByteRange:
    headers = {"range": header, "if-range": condition}
    return range_asked({name: value for name, value in headers.items() if value is not None}, size, ETAG)


def whole(size: int = 100) -> ByteRange:
    return ByteRange(0, size, size, partial=False)


@given(sizes, positions, positions)
def test_a_range_is_given_as_far_as_there_are_bytes(size: int, first: int, last: int) -> None:
    assume(first <= last and first < size)
    given_range = asked(f"bytes={first}-{last}", size)

    wanted = bytes(size)[first : last + 1]
    assert (given_range.start, given_range.length, given_range.partial) == (first, len(wanted), True)
    assert given_range.content_range == f"bytes {first}-{min(last, size - 1)}/{size}"


@given(sizes, positions)
def test_an_open_range_goes_to_the_end(size: int, first: int) -> None:
    assume(first < size)
    assert asked(f"bytes={first}-", size) == ByteRange(first, size, size, partial=True)


@given(sizes, st.integers(1, 12_000))
def test_a_suffix_is_the_last_bytes(size: int, count: int) -> None:
    assert asked(f"bytes=-{count}", size) == ByteRange(max(0, size - count), size, size, partial=True)


@given(st.integers(0, 10_000), positions)
def test_a_range_behind_the_end_is_refused_with_the_size(size: int, beyond: int) -> None:
    for header in (f"bytes={size + beyond}-", f"bytes={size + beyond}-{size + beyond + 5}", "bytes=-0"):
        with pytest.raises(RangeNotSatisfiable) as caught:
            asked(header, size)
        assert caught.value.fields["size"] == size


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=,", "bytes=a-b", "bytes=5-2", "bytes=1-2-3", "bytes=+1-2",
     "bytes=١-٢", "items=0-5", "bytes=0-1,5-9", "bytes=0-1, 500-", "bytes=--5", "0-5"],
)  # fmt: skip
def test_what_is_no_single_range_gets_the_whole(header: str | None) -> None:
    assert asked(header) == whole()


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [("Bytes=0-1", 0, 2), ("bytes= 3-4 ", 3, 5), ("bytes=,0-0,", 0, 1), ("bytes=00-09", 0, 10),
     (f"bytes=0-{'9' * 5000}", 0, 100), (f"bytes=-{'9' * 5000}", 0, 100)],
)  # fmt: skip
def test_unusual_spellings_are_understood(header: str, start: int, end: int) -> None:
    assert asked(header) == ByteRange(start, end, 100, partial=True)


@given(st.text(max_size=40), st.integers(0, 1000))
def test_any_header_gets_bytes_that_are_there_or_a_refusal(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        try:
            answer = asked(header, size)
        except RangeNotSatisfiable:
            continue
        assert 0 <= answer.start <= answer.end <= size
        assert answer.partial or answer == whole(size)


def test_a_last_byte_of_nothing_is_nothing() -> None:
    assert asked("bytes=-5", 0) == whole(0)


@pytest.mark.parametrize(
    ("condition", "partial"),
    [(ETAG, True), (f" {ETAG} ", True), ('"other"', False), (f"W/{ETAG}", False),
     ("Wed, 21 Oct 2025 07:28:00 GMT", False)],
)  # fmt: skip
def test_a_range_of_another_file_becomes_the_whole(condition: str, partial: bool) -> None:
    assert asked("bytes=0-1", condition=condition).partial is partial
    assert asked("bytes=500-", condition='"other"') == whole()


@pytest.mark.parametrize(
    ("known", "unchanged"),
    [("*", True), (ETAG, True), (f'"a,b", W/{ETAG}', True), ('"a"', False), ("", False), ("digest", False)],
)
def test_what_a_client_has_is_not_sent_again(known: str, unchanged: bool) -> None:
    assert is_unchanged({"if-none-match": known}, ETAG) is unchanged
    assert not is_unchanged({}, ETAG)
