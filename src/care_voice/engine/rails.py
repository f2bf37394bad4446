"""Guard rails: is a hypothesis worth keeping, and if not, what to try next. Pure.

The measures and their limits are those of Whisper (Radford et al., 2022, section 4.5); right-sized windows and the
repeated-phrase check are this project's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from care_voice.domain.text import compression_ratio

FULL_WINDOW_S = 30.0
_SYLLABLE_TOKENS = 2


@dataclass(frozen=True, slots=True)
class RailSettings:
    """When a hypothesis is not trusted."""

    max_compression_ratio: float = 2.4
    """gzip ratio of the text; a higher one means that phrases repeat."""

    max_compression_ratio_right_sized: float = 2.0
    """The same for a window under 30 s, where loops are more likely; failing costs only the pass at 30 s."""

    min_avg_logprob: float = -1.0
    """Mean log-probability of the tokens; a lower one means that the model guessed."""

    min_avg_logprob_right_sized: float = -0.7
    """The same for a window under 30 s."""

    max_no_speech_prob: float = 0.6
    """Above it, and with a low log-probability, the window holds no speech and its text is dropped."""

    max_repeats: int = 4
    """A phrase said more often than this in a row is a loop of the decoder, not speech."""

    max_skip_s: float = 2.5
    """Seconds of detected speech that may go by under one word, or none; beyond it a sentence was left out."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What one decoder run gave. `capped` says that it stopped because it ran out of tokens."""

    token_ids: tuple[int, ...]
    text: str
    avg_logprob: float
    no_speech_prob: float
    temperature: float
    full_window: bool
    capped: bool

    @property
    def compression_ratio(self) -> float:
        return compression_ratio(self.text)


class Verdict(Enum):
    ACCEPT = "accept"
    NO_SPEECH = "no_speech"
    RETRY = "retry"


def judge(hypothesis: Hypothesis, settings: RailSettings) -> Verdict:
    """Whether to keep a hypothesis, drop its text as no speech, or decode again."""
    full = hypothesis.full_window
    low = hypothesis.avg_logprob < (settings.min_avg_logprob if full else settings.min_avg_logprob_right_sized)
    if low and full and hypothesis.no_speech_prob > settings.max_no_speech_prob:
        return Verdict.NO_SPEECH
    ratio_limit = settings.max_compression_ratio if full else settings.max_compression_ratio_right_sized
    loops = hypothesis.compression_ratio > ratio_limit or repeats(hypothesis.token_ids) > settings.max_repeats
    return Verdict.RETRY if low or loops or hypothesis.capped else Verdict.ACCEPT


def best(hypotheses: Sequence[Hypothesis], settings: RailSettings) -> Hypothesis:
    """The least bad of hypotheses that all failed: most probable among those that do not loop and are complete."""
    sane = [
        h
        for h in hypotheses
        if h.compression_ratio <= settings.max_compression_ratio
        and repeats(h.token_ids) <= settings.max_repeats
        and not h.capped
    ]
    return max(sane or hypotheses, key=lambda h: h.avg_logprob)


def echoes(text: str, prompt: str | None, min_chars: int = 12) -> bool:
    """Whether a hypothesis is only a stretch of its own prompt: a long prompt can drown a short window."""
    said = " ".join(text.split()).lower()
    return len(said) >= min_chars and said in " ".join((prompt or "").split()).lower()


def repeats(token_ids: Sequence[int], max_period: int = 24) -> int:
    """How often the most repeated run of at most `max_period` tokens follows itself; 1 where nothing repeats.

    Periods of one or two tokens count a third: laughter and numbers repeat a syllable without being a loop.
    """
    most = 1
    for period in range(1, min(max_period, len(token_ids) // 2) + 1):
        run = longest = 0
        for left, right in zip(token_ids, token_ids[period:], strict=False):
            run = run + 1 if left == right else 0
            longest = max(longest, run)
        count = 1 + longest // period
        most = max(most, count if period > _SYLLABLE_TOKENS else 1 + (count - 1) // 3)
    return most


def window_samples(length: int, sample_rate: int, margin_s: float, minimum_s: float) -> int:
    """Samples that a window of `length` samples is padded to: its length and `margin_s`, from `minimum_s` to 30 s.

    Below about 12 s Whisper loops or loses words, so `minimum_s` is not a matter of taste; see docs/adr/0004.
    """
    wanted = max(length + margin_s * sample_rate, minimum_s * sample_rate)
    return round(min(wanted, FULL_WINDOW_S * sample_rate))
