"""What parent and worker say to each other: it arrives as it was sent, and anything else is refused."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.engine import protocol
from care_voice.engine.protocol import (
    LENGTH_BYTES,
    MAX_FRAME_BYTES,
    Heartbeat,
    LoadMedia,
    Message,
    ProtocolError,
    body_length,
    decode_for_parent,
    decode_for_worker,
    frame,
)

TO_WORKER, TO_PARENT = get_args(protocol.ToWorker), get_args(protocol.ToParent)


def is_sendable(message: Message) -> bool:
    """Whether its whole numbers fit 64 bits, as all that Care Voice sends do."""
    try:
        return bool(frame(message))
    except OverflowError:
        return False


def anything(classes: tuple[type[Message], ...]) -> st.SearchStrategy[Message]:
    return st.one_of([st.from_type(cls) for cls in classes]).filter(is_sendable)


def body_of(message: Message) -> bytes:
    data = frame(message)
    prefix, body = data[:LENGTH_BYTES], data[LENGTH_BYTES:]
    assert body_length(prefix) == len(body)
    return body


@given(anything(TO_WORKER))
def test_every_message_to_a_worker_arrives_as_it_was_sent(message: Message) -> None:
    arrived = decode_for_worker(body_of(message))

    assert type(arrived) is type(message)
    assert frame(arrived) == frame(message)


@given(anything(TO_PARENT))
def test_every_message_to_the_parent_arrives_as_it_was_sent(message: Message) -> None:
    arrived = decode_for_parent(body_of(message))

    assert type(arrived) is type(message)
    assert frame(arrived) == frame(message)


def test_every_message_goes_one_way_only() -> None:
    assert not set(TO_WORKER) & set(TO_PARENT)
    with pytest.raises(ProtocolError):
        decode_for_parent(body_of(LoadMedia(1)))
    with pytest.raises(ProtocolError):
        decode_for_worker(body_of(Heartbeat(0, 0, 0, 0)))


def test_a_frame_over_the_limit_is_refused_before_it_is_read() -> None:
    assert body_length(MAX_FRAME_BYTES.to_bytes(LENGTH_BYTES, "big")) == MAX_FRAME_BYTES
    with pytest.raises(ProtocolError, match="over the limit"):
        body_length((MAX_FRAME_BYTES + 1).to_bytes(LENGTH_BYTES, "big"))


def test_a_field_that_a_newer_peer_sends_is_ignored() -> None:
    extended = {**msgspec.to_builtins(LoadMedia(5)), "colour": "blue"}

    assert decode_for_worker(msgspec.msgpack.encode(extended)) == LoadMedia(5)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"GET / HTTP/1.1",
        body_of(LoadMedia(1))[:-1],
        msgspec.msgpack.encode({"type": "Nonsense"}),
        msgspec.msgpack.encode({"type": "LoadMedia", "max_memory_bytes": "much"}),
        msgspec.msgpack.encode({"type": "LoadMedia"}),
    ],
    ids=["nothing", "text", "cut short", "unknown type", "wrong type of field", "missing field"],
)
def test_what_is_not_a_message_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_for_worker(body)


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(body: bytes) -> None:
    for decode in (decode_for_worker, decode_for_parent):
        try:
            message: Message = decode(body)
        except ProtocolError:
            continue
        assert isinstance(message, (*TO_WORKER, *TO_PARENT))
