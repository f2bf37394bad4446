"""Transcripts as values: what was said, when, and how sure the model was. All times are seconds from the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a hypothesis.

    `text` is the token as UTF-8 with U+FFFD where the token holds a part of a character; `data` is its exact bytes;
    `logprob` is the natural logarithm of the probability that the model gives it after the tokens before it.
    """

    id: int
    text: str
    data: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class Word:
    """One word, with the punctuation and the leading space that belong to it; `probability` is in [0, 1]."""

    text: str
    start: float
    end: float
    probability: float
    tokens: tuple[Token, ...] = ()


@dataclass(frozen=True, slots=True)
class WindowStats:
    """How a window was decoded; every segment of the window carries it.

    `temperature` is the sampling temperature of the accepted hypothesis, `avg_logprob` its mean token log-probability,
    `compression_ratio` the gzip ratio of its text, `no_speech_prob` the model's own estimate that nobody spoke.
    """

    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech fit to be shown as one line; `seek_s` is the start of the window it was decoded in.

    `language` is its own where each was detected by itself, else None: it is the transcript's.
    """

    id: int
    start: float
    end: float
    words: tuple[Word, ...]
    stats: WindowStats
    seek_s: float
    language: str | None = None

    @property
    def text(self) -> str:
        """The words in a row, with the leading space that joins the segment to the one before it."""
        return "".join(word.text for word in self.words)

    @property
    def speaker(self) -> str:
        """Nobody is named: models do not tell speakers apart."""
        return ""

    @property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(token for word in self.words for token in word.tokens)

    @property
    def avg_logprob(self) -> float:
        """Mean token log-probability of this segment alone; the window's where the segment has no tokens."""
        tokens = self.tokens
        return sum(t.logprob for t in tokens) / len(tokens) if tokens else self.stats.avg_logprob


@dataclass(frozen=True, slots=True)
class Transcript:
    """A whole recording: `language` is an ISO-639-1 code, `duration` the decoded length in seconds."""

    task: str
    language: str
    duration: float
    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments).strip()

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language that is spoken, that of the most speech first."""
        return languages_of(self.segments) or (self.language,)

    @property
    def words(self) -> tuple[Word, ...]:
        return tuple(word for segment in self.segments for word in segment.words)

    @property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(token for segment in self.segments for token in segment.tokens)


def languages_of(segments: Sequence[Segment]) -> tuple[str, ...]:
    """The segments' own languages, that of the most speech first."""
    spoken: dict[str, float] = {}
    for segment in segments:
        if segment.language is not None:
            spoken[segment.language] = spoken.get(segment.language, 0.0) + segment.end - segment.start
    return tuple(sorted(spoken, key=lambda language: -spoken[language]))


def join_text(segments: Sequence[Segment]) -> str:
    """The text of consecutive segments, without the space before the first."""
    return "".join(segment.text for segment in segments).strip()
