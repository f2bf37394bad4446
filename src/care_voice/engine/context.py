"""What stands before the speech as if it had been said: words to favour, and a prompt. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def context_tokens(hotwords: Sequence[int], prompt: Sequence[int], room: int) -> list[int]:
    """At most `room` tokens: the beginning of the hotwords, then the end of the prompt.

    The order is faster-whisper's. What is nearest to the speech counts most, so the prompt, which may be the sentence
    before it, comes last. Where both are too long, each gets half.
    """
    kept = prompt[-(room - min(len(hotwords), room // 2)) :]
    return [*hotwords[: room - len(kept)], *kept]
