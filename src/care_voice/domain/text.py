"""Measures of a text."""

from __future__ import annotations

import zlib


def compression_ratio(text: str) -> float:
    """Bytes of UTF-8 over bytes after zlib; 0 for an empty text. A high one means that phrases repeat."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0
