"""What a server says in headers is text from a stranger: whatever it is, it is understood or ignored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.domain.model_errors import FileNotOffered, SourceUnavailable
from care_voice.domain.retry_after import retry_after_s
from care_voice.models.rules import Answer, Interrupted, told_size

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 400, float("inf")),
        ("\xb2", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0.0),
        ("Thu, 01 Jan 2026 00:01:00 +0000", 60.0),
        ("Thu, 01 Jan 2026 00:01:00", None),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999", None),
    ],
)
def test_how_long_a_server_asks_to_wait(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Mon", "Thu", "?"]),
    st.integers(-1, 99),
    st.sampled_from(["Jan", "Feb", "Foo"]),
    st.integers(-1, 10**20),
    st.integers(0, 99),
    st.integers(0, 99),
    st.integers(0, 99),
    st.sampled_from(["GMT", "+0000", "-9999", "+999999999999999999999", ""]),
)


@given(st.one_of(st.text(max_size=60), dates, st.integers().map(str)))
def test_no_header_breaks_anything(value: str) -> None:
    seconds = retry_after_s(value, NOW)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (Answer(206, "bytes 0-0/1234", 1), 1234),
        (Answer(200, None, 1234), 1234),
        (Answer(200, "bytes 0-0/99", 1234), 1234),
        (Answer(200, None, 0), None),
        (Answer(416, "bytes */0", 0), None),
    ],
)
def test_the_size_of_a_file_is_that_of_all_of_it(answer: Answer, size: int | None) -> None:
    assert told_size(answer, "model.bin", "s") == size


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(206, "bytes 0-0/*", 1), SourceUnavailable),
        (Answer(206, None, 1), SourceUnavailable),
        (Answer(206, "bytes 0-0/" + "9" * 5000, 1), SourceUnavailable),
        (Answer(200), SourceUnavailable),
        (Answer(404), FileNotOffered),
        (Answer(403), SourceUnavailable),
        (Answer(503, retry_after_s=3.0), Interrupted),
    ],
)
def test_a_size_that_is_not_said_is_not_guessed(answer: Answer, error: type[Exception]) -> None:
    with pytest.raises(error):
        told_size(answer, "model.bin", "s")


@given(st.integers(100, 599), st.text(max_size=40), st.one_of(st.none(), st.integers(0, 2**64)))
def test_whatever_is_answered_a_size_is_at_least_one_byte(status: int, content_range: str, length: int | None) -> None:
    try:
        size = told_size(Answer(status, content_range, length), "model.bin", "s")
    except (FileNotOffered, SourceUnavailable, Interrupted):
        return
    assert size is None or size >= 1
