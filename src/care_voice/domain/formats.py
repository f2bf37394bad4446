"""A transcript as the values and files that the API and the command line give out."""

from __future__ import annotations

import json
from typing import Any

from care_voice.domain.languages import UNDETERMINED, language_name
from care_voice.domain.stored import StoredSegment, StoredTranscript, TranscriptHead
from care_voice.domain.subtitles import to_srt, to_text, to_vtt
from care_voice.domain.transcript import Segment, Token, Transcript, Word

_FRAMES_PER_S = 100


def verbose(transcript: Transcript, *, segments: bool = True, words: bool = False) -> dict[str, Any]:
    """OpenAI's verbose_json. Times are seconds, to the millisecond."""
    body: dict[str, Any] = {
        "task": transcript.task,
        "language": _language(transcript.language),
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
    }
    if segments:
        body["segments"] = [verbose_segment(segment) for segment in transcript.segments]
    if words:
        body["words"] = [verbose_word(word) for word in transcript.words]
    body["usage"] = usage(transcript)
    return body


def verbose_segment(segment: Segment) -> dict[str, Any]:
    """One segment with all the fields that OpenAI's schema requires; `seek` counts frames of 10 ms. Its language is
    added where each segment has its own."""
    body: dict[str, Any] = {
        "id": segment.id,
        "seek": round(segment.seek_s * _FRAMES_PER_S),
        "start": round(segment.start, 3),
        "end": round(segment.end, 3),
        "text": segment.text,
        "tokens": [token.id for token in segment.tokens],
        "temperature": segment.stats.temperature,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.stats.compression_ratio,
        "no_speech_prob": segment.stats.no_speech_prob,
    }
    return body if segment.language is None else {**body, "language": language_name(segment.language)}


def verbose_word(word: Word) -> dict[str, Any]:
    """One word without the space before it."""
    return {"word": word.text.strip(), "start": round(word.start, 3), "end": round(word.end, 3)}


def logprob(token: Token) -> dict[str, Any]:
    """One token as `include[]=logprobs` asks for it."""
    return {"token": token.text, "logprob": token.logprob, "bytes": list(token.data)}


def usage(transcript: Transcript) -> dict[str, Any]:
    """Billed by duration, as for whisper-1."""
    return {"type": "duration", "seconds": round(transcript.duration, 3)}


def full_json(transcript: Transcript) -> str:
    """Everything that is known, as a file for people who keep it."""
    body = verbose(transcript, words=True)
    body["language_code"] = transcript.language
    for word, entry in zip(transcript.words, body["words"], strict=True):
        entry["probability"] = round(word.probability, 4)
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def all_files(transcript: Transcript) -> dict[str, str]:
    """The transcript as txt, srt, vtt and json."""
    return {
        "txt": to_text(transcript),
        "srt": to_srt(transcript),
        "vtt": to_vtt(transcript),
        "json": full_json(transcript),
    }


def stored_head(head: TranscriptHead) -> dict[str, Any]:
    """What is known of a version beside what was said. Its duration is in seconds."""
    return {
        "id": head.id,
        "recording_id": head.recording_id,
        "version": head.number,
        "revision": head.revision,
        "model": head.model,
        "task": head.task,
        "language": head.language,
        "language_name": _language(head.language),
        "duration": head.duration,
    }


def stored_segment(segment: StoredSegment, *, words: bool = True) -> dict[str, Any]:
    """A segment with its speaker; a word that a person wrote has the probability 1."""
    body: dict[str, Any] = {
        "id": segment.id,
        "start": segment.start,
        "end": segment.end,
        "speaker": segment.speaker,
        "text": segment.text,
        **segment.stats,
    }
    if segment.language is not None:
        body["language"] = segment.language
    if words:
        body["words"] = [{**verbose_word(word), "probability": word.probability} for word in segment.words]
    return body


def stored_json(transcript: StoredTranscript) -> str:
    """Everything that is known of a stored transcript, as a file for people who keep it."""
    body = stored_head(transcript.head)
    body["text"] = transcript.text
    body["segments"] = [stored_segment(segment) for segment in transcript.segments]
    return json.dumps(body, ensure_ascii=False, indent=2) + "\n"


def _language(code: str) -> str:
    return language_name(code) if code != UNDETERMINED else "undetermined"
