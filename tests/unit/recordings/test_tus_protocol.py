"""The headers of tus: what is right is read, what is wrong is refused by name, and nothing else happens."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.api import tus_protocol as tus
from care_voice.domain.checksums import ALGORITHMS, Checksum
from care_voice.domain.errors import CareVoiceError, InvalidParameter, MissingParameter
from care_voice.domain.store_errors import UnsupportedContentType, UnsupportedTusVersion

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters=","), min_size=1)
VALUES = st.text(st.characters(exclude_categories=["Cs"]))
LATIN = st.text(st.characters(max_codepoint=0xFF), max_size=20)
HEADERS = st.dictionaries(
    st.sampled_from([
        "tus-resumable", "upload-offset", "upload-length", "upload-defer-length", "upload-metadata",
        "upload-checksum", "content-type", "x-http-method-override",
    ]),
    LATIN | st.integers().map(str) | st.sampled_from(["1.0.0", "1", "sha1 AAAA", tus.CONTENT_TYPE, "a YQ==,b"]),
)  # fmt: skip


@given(st.dictionaries(KEYS, VALUES))
def test_metadata_come_back_as_they_were_written(pairs: dict[str, str]) -> None:
    assert tus.read_metadata(tus.write_metadata(pairs)) == pairs


@pytest.mark.parametrize(
    ("header", "pairs"),
    [
        ("", {}),
        ("  ", {}),
        ("only", {"only": ""}),
        ("only ", {"only": ""}),
        ("a YQ==, b YmI=", {"a": "a", "b": "bb"}),
        ("filename 5a626KiqLndhdg==", {"filename": "家訪.wav"}),
    ],
)
def test_metadata_are_read(header: str, pairs: dict[str, str]) -> None:
    assert tus.read_metadata(header) == pairs


@pytest.mark.parametrize("header", [",", "a YQ==,", "a YQ==,a YQ==", "a Y", "a ?", "a YQ== x", "a /w==", "家 YQ=="])
def test_malformed_metadata_are_refused(header: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        tus.read_metadata(header)
    assert refused.value.param == "Upload-Metadata"


@given(HEADERS)
def test_no_headers_break_it(headers: dict[str, str]) -> None:
    readers = (
        tus.require_version, tus.require_bytes, tus.read_offset, tus.read_length, tus.read_creation, tus.read_checksum,
        lambda given: tus.effective_method("POST", given),
    )  # fmt: skip
    for read in readers:
        with suppress(CareVoiceError):
            read(headers)


@given(st.integers(0, 10**18 - 1))
def test_offsets_and_lengths_are_whole_numbers(value: int) -> None:
    assert tus.read_offset({"upload-offset": str(value)}) == value
    assert tus.read_length({"upload-length": str(value)}) == value


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "1 ", "1_0", "٣", "1" * 19])
def test_other_numbers_are_refused(value: str) -> None:
    with pytest.raises(InvalidParameter):
        tus.read_offset({"upload-offset": value})
    with pytest.raises(InvalidParameter):
        tus.read_creation({"upload-length": value})


def test_a_creation_says_its_length_or_that_it_comes_later() -> None:
    assert tus.read_creation({"upload-length": "5"}).length == 5
    assert tus.read_creation({"upload-defer-length": "1", "upload-metadata": "a YQ=="}) == tus.Creation(
        None, {"a": "a"}
    )
    with pytest.raises(MissingParameter):
        tus.read_creation({})
    with pytest.raises(MissingParameter):
        tus.read_offset({})
    for headers in ({"upload-defer-length": "0"}, {"upload-defer-length": "1", "upload-length": "5"}):
        with pytest.raises(InvalidParameter):
            tus.read_creation(headers)


@given(st.binary(), st.sampled_from(ALGORITHMS))
def test_a_checksum_is_that_of_the_bytes(data: bytes, algorithm: str) -> None:
    encoded = base64.b64encode(hashlib.new(algorithm, data).digest()).decode()
    checksum = tus.read_checksum({"upload-checksum": f"{algorithm} {encoded}"})
    assert isinstance(checksum, Checksum)

    right, wrong = checksum.begin(), checksum.begin()
    right.update(data)
    wrong.update(data + b"?")

    assert checksum.matches(right)
    assert not checksum.matches(wrong)


@pytest.mark.parametrize(
    "value", ["", "sha1", "sha1 ", "crc32 AAAA", "md5 AAAA", "sha1 ?", "SHA1 2jmj7l5rSw0yVb/vlWAYkK/YBwk="]
)
def test_other_checksums_are_refused(value: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        tus.read_checksum({"upload-checksum": value})
    assert refused.value.param == "Upload-Checksum"


def test_the_version_and_the_kind_of_body_are_asked_for() -> None:
    tus.require_version({"tus-resumable": "1.0.0"})
    tus.require_bytes({"content-type": "Application/Offset+Octet-Stream; x=1"})
    for headers in ({}, {"tus-resumable": "1.0"}):
        with pytest.raises(UnsupportedTusVersion):
            tus.require_version(headers)
    for headers in ({}, {"content-type": "application/octet-stream"}):
        with pytest.raises(UnsupportedContentType):
            tus.require_bytes(headers)


def test_a_method_may_be_named_in_a_header() -> None:
    assert tus.effective_method("POST", {}) == "POST"
    assert tus.effective_method("POST", {"x-http-method-override": "patch"}) == "PATCH"
    with pytest.raises(InvalidParameter):
        tus.effective_method("POST", {"x-http-method-override": "TRACE"})


def test_dates_are_those_of_http() -> None:
    assert tus.http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT"
