"""What is kept of a transcription that is not done, so that another attempt computes only what is missing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count, takewhile
from typing import Protocol

import msgspec

import care_voice
from care_voice.engine.protocol import WindowDecoded
from care_voice.service.options import Decoding, TranscriptionOptions


@dataclass(frozen=True, slots=True)
class KnownWindow:
    """A window that was computed: where it lies in the recording, in seconds, and where reading can go on with it."""

    start_s: float
    end_s: float
    decoded: WindowDecoded
    bookmark: bytes = b""


class WindowCheckpoint(Protocol):
    """The windows of one transcription by number, from 0 in the order of the recording. With the same file, options and
    release the same windows come again, so what is known of them can stand for computing them.
    """

    @property
    def known(self) -> Mapping[int, KnownWindow]:
        """What earlier attempts have computed."""
        ...

    async def save(self, number: int, window: KnownWindow) -> None:
        """Keep a window; called as soon as each is computed, which is not always in order. What it raises ends the
        transcription."""
        ...


class NoCheckpoint:
    """Nothing is known and nothing is kept."""

    known: Mapping[int, KnownWindow] = {}

    async def save(self, number: int, window: KnownWindow) -> None: ...


def leading(known: Mapping[int, KnownWindow]) -> list[KnownWindow]:
    """The known windows before the first one that is not known."""
    return [known[number] for number in takewhile(known.__contains__, count())]


class _Kept(msgspec.Struct, frozen=True):
    recipe: str
    decoded: WindowDecoded
    bookmark: bytes


def recipe_of(model: str, options: TranscriptionOptions, decoding: Decoding) -> str:
    """A digest of all that decides what is computed: windows of another recipe are worth nothing. What runs the model
    is no part of it: nodes may differ in that. Nor is the script of Chinese, which windows are not computed by."""
    said = msgspec.json.encode((care_voice.__version__, model, replace(options, script=None), decoding))
    return hashlib.sha256(said).hexdigest()[:16]


def to_json(window: KnownWindow, recipe: str) -> str:
    """What was computed of a window, as JSON; its place is kept beside it."""
    return msgspec.json.encode(_Kept(recipe, window.decoded, window.bookmark)).decode()


def from_json(start_s: float, end_s: float, text: str, recipe: str) -> KnownWindow | None:
    """The window again, with every number as it was; None where it was computed otherwise, as by another release."""
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except msgspec.DecodeError:
        return None
    return KnownWindow(start_s, end_s, kept.decoded, kept.bookmark) if kept.recipe == recipe else None
