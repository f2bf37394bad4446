"""From a server's answer to what an engine worker would have said. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import msgspec

from care_voice.domain.languages import LANGUAGES
from care_voice.domain.text import compression_ratio
from care_voice.engine.protocol import DecodeWindow, WindowDecoded, WirePart, WireWord
from care_voice.remote.placing import Span, joinable, pieces_of, spelled, spread
from care_voice.supervisor.pool import audio_seconds

_LEAST_LOGPROB = -20.0
_CODES = {name: code for code, name in LANGUAGES.items()} | {"mandarin": "zh", "jv": "jw", "flemish": "nl"}


class _Word(msgspec.Struct):
    word: str
    start: float
    end: float
    probability: float | None = None


class _Segment(msgspec.Struct):
    text: str
    start: float
    end: float
    words: list[_Word] | None = None
    temperature: float | None = None
    avg_logprob: float | None = None
    compression_ratio: float | None = None
    no_speech_prob: float | None = None


class Answer(msgspec.Struct):
    """What of verbose_json and json is read; servers leave out or add what they like."""

    text: str
    language: str | None = None
    words: list[_Word] | None = None
    segments: list[_Segment] | None = None


_decoder = msgspec.json.Decoder(Answer, strict=False)


def read(body: bytes) -> Answer:
    """The answer in a body.

    Raises:
        ValueError: It is none.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("its answer is not a transcription") from error


def decoded(answer: Answer, request: DecodeWindow, compute_s: float) -> WindowDecoded:
    """The window's words, with times in the recording and the scores that the server gave.

    Without scores of its own a word's probability is that of its segments, and 1 where nothing is known. The language
    is empty where neither the request nor the answer names one.
    """
    segments = [segment for segment in answer.segments or [] if segment.text.strip()]
    avg_logprob = _mean(segments, "avg_logprob")
    words = _words(answer, segments, request, math.exp(min(0.0, avg_logprob)))
    text = "".join(word.text for word in words).strip()
    part = WirePart(
        start_s=request.start_s,
        words=tuple(words),
        temperature=_mean(segments, "temperature"),
        avg_logprob=avg_logprob,
        compression_ratio=max((s.compression_ratio or 0.0 for s in segments), default=0.0) or compression_ratio(text),
        no_speech_prob=_mean(segments, "no_speech_prob"),
    )
    named = code_of(answer.language) or request.language or ""
    return WindowDecoded(
        id=request.id,
        language=request.language or named,
        language_probability=1.0 if named else 0.0,
        parts=(part,) if words else (),
        passes=1 if words else 0,
        compute_s=compute_s,
    )


def code_of(language: str | None) -> str | None:
    """The code of a language that is given as a code, a tag (zh-TW) or an English name; None where it is not known."""
    name = (language or "").strip().lower()
    primary = name.replace("_", "-").split("-")[0]
    return next((code for code in (name, _CODES.get(name), primary, _CODES.get(primary)) if code in LANGUAGES), None)


def _words(answer: Answer, segments: Sequence[_Segment], request: DecodeWindow, sure: float) -> list[WireWord]:
    text = "".join(joinable(segment.text) for segment in segments) or joinable(answer.text)
    timed = answer.words or [word for segment in segments for word in segment.words or []]
    stretches = spelled([word.word for word in timed], text) if timed else None
    if timed and stretches is None:
        stretches = [joinable(word.word) for word in timed]
    if stretches is not None:
        times: Iterable[Span] = ((word.start, word.end) for word in timed)
        chances = [sure if word.probability is None else word.probability for word in timed]
        return _placed(stretches, times, chances, request)
    if segments:
        cut = [(pieces_of(joinable(each.text)), (each.start, max(each.start, each.end))) for each in segments]
        pieces = [piece for found, _ in cut for piece in found]
        times = [time for found, span in cut for time in spread(found, [span])]
    else:
        pieces = pieces_of(text)
        times = spread(pieces, request.speech or [(0.0, audio_seconds(request))])
    return _placed(pieces, times, [sure] * len(pieces), request)


def _placed(
    texts: Sequence[str], times: Iterable[Span], chances: Sequence[float], request: DecodeWindow
) -> list[WireWord]:
    """Words in the recording: in order and within the window, whatever the server said."""
    length_s, before, words = audio_seconds(request), 0.0, list[WireWord]()
    for text, (start, end), chance in zip(texts, times, chances, strict=True):
        if text:
            before = max(before, min(start, length_s))
            until = max(before, min(end, length_s))
            probability = min(1.0, max(0.0, chance))
            words.append(WireWord(text, request.start_s + before, request.start_s + until, probability, ()))
    return words


def _mean(segments: Sequence[_Segment], name: str) -> float:
    """Over the segments that give the value, by the length of their text; 0 where none does."""
    given = [(len(segment.text), value) for segment in segments if (value := getattr(segment, name)) is not None]
    total = sum(weight for weight, _ in given)
    return max(_LEAST_LOGPROB, sum(weight * value for weight, value in given) / total) if total else 0.0
