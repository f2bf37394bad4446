"""The characters that stand for bytes in a byte-level vocabulary."""

from __future__ import annotations

from care_voice.engine.bytelevel import _BYTES, token_bytes


def test_every_byte_has_one_character() -> None:
    assert len(_BYTES) == 256
    assert sorted(_BYTES.values()) == list(range(256))
    assert all(char.isprintable() and not char.isspace() for char in _BYTES)


def test_a_space_and_a_part_of_a_character_are_bytes() -> None:
    assert token_bytes("Ġhello") == b" hello"
    assert token_bytes("æĪ") + token_bytes("ĳ") == "我".encode()


def test_an_entry_that_is_not_byte_level_is_taken_as_it_is() -> None:
    assert token_bytes("<|我|>") == "<|我|>".encode()
    assert token_bytes("") == b""
