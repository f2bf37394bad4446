"""A form is read as it comes, however it is cut into pieces, and its file is never collected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.api.streamed_forms import FileHead, StreamedForm
from care_voice.domain.errors import CareVoiceError, InvalidParameter, MissingParameter, UnsupportedParameter

BOUNDARY = "----boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
KNOWN = frozenset({"title", "tags[]"})


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    lines = [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def file(content: bytes, disposition: str = 'name="file"; filename="a.wav"') -> bytes:
    return part(disposition, content, "Content-Type: audio/wav")


def field(name: str, value: str) -> bytes:
    return part(f'name="{name}"', value.encode())


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data: bytes, size: int = 1 << 16) -> tuple[FileHead, bytes, dict[str, list[str]]]:
    async def run() -> tuple[FileHead, bytes, dict[str, list[str]]]:
        form = StreamedForm(TYPE, pieces(data, size), KNOWN)
        head = await form.to_file()
        content = b"".join([chunk async for chunk in form.chunks()])
        await form.rest()
        return head, content, form.fields

    return asyncio.run(run())


@given(st.binary(max_size=300), st.integers(1, 400))
def test_it_is_the_same_however_it_is_cut(content: bytes, size: int) -> None:
    data = body(field("title", "家訪"), file(content), field("tags[]", "a"), field("tags[]", "b"))

    head, received, fields = read(data, size)

    assert (head, received) == (FileHead("a.wav", "audio/wav"), content)
    assert fields == {"title": ["家訪"], "tags[]": ["a", "b"]}


@given(st.integers(1, 200))
def test_bytes_that_look_like_a_boundary_are_the_files(size: int) -> None:
    content = f"\r\n--{BOUNDARY[:-1]}\r\n--\r\r\n--{BOUNDARY}x".replace(f"{BOUNDARY}x", BOUNDARY[:5]).encode()
    assert read(body(file(content)), size)[1] == content


@given(st.integers(0, 230))
def test_one_that_is_cut_short_is_never_taken_for_whole(end: int) -> None:
    data = body(field("title", "x"), file(b"sound"))
    with pytest.raises(CareVoiceError):
        read(data[: min(end, len(data) - 5)])


@pytest.mark.parametrize("name", ["a.wav", "/etc/a.wav", "..\\..\\a.wav", "C:\\\\Users\\\\x\\\\a.wav", "x/../a.wav"])
def test_a_file_name_has_no_directories(name: str) -> None:
    assert read(body(file(b"s", f'name="file"; filename="{name}"')))[0].filename == "a.wav"


@pytest.mark.parametrize(
    ("data", "error", "param"),
    [
        (body(field("title", "x")), MissingParameter, "file"),
        (body(), MissingParameter, "file"),
        (b"", InvalidParameter, "file"),
        (b"no form", InvalidParameter, "file"),
        (body(field("file", "text")), InvalidParameter, "file"),
        (body(file(b"a"), file(b"b")), InvalidParameter, "file"),
        (body(file(b"a", 'name="title"; filename="x"')), InvalidParameter, "title"),
        (body(field("unknown", "x")), UnsupportedParameter, "unknown"),
        (body(field("title", "x" * 300_000)), InvalidParameter, "title"),
        (body(*[field("title", "x")] * 65), InvalidParameter, "title"),
        (body(part('filename="x"', b"a")), InvalidParameter, ""),
    ],
)
def test_what_is_wrong_is_refused_by_name(data: bytes, error: type[CareVoiceError], param: str) -> None:
    with pytest.raises(error) as refused:
        read(data)
    assert refused.value.param == param


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 300,
    ],
)
def test_other_bodies_are_no_forms(kind: str) -> None:
    with pytest.raises(InvalidParameter):
        StreamedForm(kind, pieces(b"", 1), KNOWN)


def test_a_file_is_handed_on_before_it_has_all_come() -> None:
    async def run() -> list[bytes]:
        data = body(file(b"x" * 1000))
        given: list[int] = []

        async def counted() -> AsyncIterator[bytes]:
            async for piece in pieces(data, 100):
                given.append(len(piece))
                yield piece

        form = StreamedForm(TYPE, counted(), KNOWN)
        await form.to_file()
        chunks = form.chunks()
        first = await anext(chunks)
        assert sum(given) < 400
        return [first, *[chunk async for chunk in chunks]]

    assert b"".join(asyncio.run(run())) == b"x" * 1000
