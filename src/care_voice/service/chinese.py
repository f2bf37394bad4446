"""Chinese transcripts in the script that is asked for, by OpenCC (https://github.com/BYVoid/OpenCC)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import lru_cache
from typing import Any

from care_voice.domain.chinese import CHINESE, Script, recut, script_of
from care_voice.domain.transcript import Segment

_CONFIGURATIONS: dict[tuple[str, Script, Script], str] = {
    ("zh", "traditional", "simplified"): "s2twp",
    ("zh", "traditional", "traditional"): "t2tw",
    ("zh", "simplified", "traditional"): "t2s",
    ("yue", "traditional", "simplified"): "s2hk",
    ("yue", "traditional", "traditional"): "t2hk",
    ("yue", "simplified", "traditional"): "t2s",
}
"""By language, wanted script and the script of the text. What is Traditional already only gets the forms of its place:
s2twp takes every character for a Simplified one, and would make 余 of the name 余先生 into 餘. Cantonese gets the
characters of Hong Kong and keeps its words."""


class ChineseWriter:
    """Writes the segments of one transcription, in their order: where a text may be in either script, it is in the
    script of those before it, and Simplified where there were none, as models mostly write."""

    def __init__(self, wanted: Script) -> None:
        self._wanted = wanted
        self._seen: Script = "simplified"

    async def ready(self, language: str) -> None:
        """Load what `written` needs for this language; the first time takes a moment, so it is not done in the loop."""
        if self._concerns(language):
            await asyncio.to_thread(_load)

    def written(self, segment: Segment, language: str) -> Segment:
        """The segment with its text in the wanted script; the times of its words stay (see `recut`). The tokens stay
        what the model said."""
        if not self._concerns(language):
            return segment
        heard = segment.text
        self._seen = script_of(heard, _to_traditional, _to_simplified) or self._seen
        configuration = _CONFIGURATIONS.get((language, self._wanted, self._seen))
        if configuration is None:
            return segment
        text = _converter(configuration).convert(heard)
        return replace(segment, words=recut(segment.words, text, _to_simplified))

    def _concerns(self, language: str) -> bool:
        return self._wanted != "as_heard" and language in CHINESE


@lru_cache(maxsize=8)
def _converter(configuration: str) -> Any:
    from opencc import OpenCC  # noqa: PLC0415 - only Chinese needs it, and its dictionaries take time to load

    return OpenCC(configuration)


def _load() -> None:
    for configuration in ("s2twp", "s2t", "t2s"):
        _converter(configuration)


@lru_cache(maxsize=16_384)
def _to_traditional(char: str) -> str:
    return str(_converter("s2t").convert(char))


@lru_cache(maxsize=16_384)
def _to_simplified(char: str) -> str:
    return str(_converter("t2s").convert(char))
