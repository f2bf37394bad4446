"""Identifiers that sort by the time at which they were made and cannot be guessed.

After ULID: 48 bits of milliseconds and 80 random bits, in Crockford's base 32, with a prefix that says what it names.
"""

from __future__ import annotations

import re
import secrets

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80
_LENGTH = 26
_SHAPE = re.compile(rf"[a-z]{{2,8}}_[{_ALPHABET}]{{{_LENGTH}}}")


def new_id(prefix: str, now: float) -> str:
    """A new identifier such as `rec_01k9…`; `now` is in Unix seconds."""
    value = (max(0, int(now * 1000)) & ((1 << 48) - 1)) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    digits = [_ALPHABET[value >> shift & 31] for shift in range(5 * (_LENGTH - 1), -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def is_id(prefix: str, text: str) -> bool:
    """Whether `text` looks like an identifier of this kind."""
    return text.startswith(f"{prefix}_") and _SHAPE.fullmatch(text) is not None
