"""Byte-level BPE: the printable characters that stand for bytes in the vocabulary of GPT-2 and of Whisper."""

from __future__ import annotations


def _byte_of_character() -> dict[str, int]:
    """Printable Latin-1 bytes stand for themselves; the 68 others are the characters from U+0100 on, in order."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + n): byte for n, byte in enumerate(others)})
    return table


_BYTES = _byte_of_character()


def token_bytes(token: str) -> bytes:
    """The bytes that a vocabulary entry stands for; an entry that is not byte-level is taken as UTF-8."""
    try:
        return bytes(_BYTES[char] for char in token)
    except KeyError:
        return token.encode()
