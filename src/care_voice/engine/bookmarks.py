"""Bookmarks: what a media worker must know to go on in the middle of a file as if it had read all before.

Finding speech takes three times as long as decoding, and both what finds it and what plans the windows carry a state
along. A bookmark holds that state, so that whoever has the windows before it need only decode what comes before.
"""

from __future__ import annotations

from typing import Final

import msgspec

from care_voice import __version__
from care_voice.audio.windows import PlannerState
from care_voice.engine.protocol import VadOptions

_RELEASE: Final = __version__


class Bookmark(msgspec.Struct, frozen=True, array_like=True):
    """The state before the block of sound out of which a window came; `windows` came before it. Another release may
    cut otherwise, and so may other options of voice activity detection: for them it is worth nothing.
    """

    release: str
    vad: VadOptions
    windows: int
    planner: PlannerState
    detector: tuple[bytes, bytes, bytes]


_decoder: msgspec.msgpack.Decoder[Bookmark] = msgspec.msgpack.Decoder(Bookmark)


def write_bookmark(vad: VadOptions, windows: int, planner: PlannerState, detector: tuple[bytes, bytes, bytes]) -> bytes:
    """A bookmark as it is kept, about 5 kB."""
    return msgspec.msgpack.encode(Bookmark(_RELEASE, vad, windows, planner, detector))


def read_bookmark(data: bytes, vad: VadOptions) -> Bookmark | None:
    """The bookmark; None where there is none, or none that counts here."""
    if not data:
        return None
    try:
        mark = _decoder.decode(data)
    except msgspec.DecodeError:
        return None
    return mark if mark.release == _RELEASE and mark.vad == vad else None
