"""A small file of the store notices every single bit that changes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from care_voice.models.sealed import decode_sealed, encode_sealed


@dataclass(frozen=True)
class Thing:
    name: str
    numbers: tuple[int, ...] = ()


THING = Thing("base, 台灣", (1, 2, 3))
RAW = encode_sealed(THING)


@given(st.text(max_size=30), st.lists(st.integers(0, 2**40), max_size=5))
def test_what_was_written_is_read(name: str, numbers: list[int]) -> None:
    thing = Thing(name, tuple(numbers))
    assert decode_sealed(encode_sealed(thing), Thing) == thing


@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_is_noticed(bit: int) -> None:
    for position in range(len(RAW)):
        flipped = bytearray(RAW)
        flipped[position] ^= 1 << bit
        assert decode_sealed(bytes(flipped), Thing) is None, (position, bit)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"null", b"\xff", RAW[:-20], RAW + b"x"])
def test_what_is_not_a_sealed_file_is_not_read(raw: bytes) -> None:
    assert decode_sealed(raw, Thing) is None
