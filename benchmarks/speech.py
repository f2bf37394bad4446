"""The speech evaluation set in ../shared/speech, and error rates against its reference transcripts.

English is normalised with whisper-normalizer and scored by words (WER); Mandarin is brought to Simplified script,
stripped of punctuation and scored by characters (CER).
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jiwer
import opencc
from whisper_normalizer.english import EnglishTextNormalizer

SPEECH = Path(__file__).resolve().parents[2] / "shared" / "speech"
SETS = {"en": ("en", "utterance"), "zh": ("zh", "utterance"), "long": ("en", "long")}
"""Name of a set -> language and kind of its recordings."""

_english = EnglishTextNormalizer()
_simplified = opencc.OpenCC("t2s")


@dataclass(frozen=True)
class Clip:
    """One recording and what is said in it."""

    path: Path
    text: str
    seconds: float


def clips_of(name: str) -> list[Clip]:
    """The scored recordings of one set."""
    language, kind = SETS[name]
    rows = [json.loads(line) for line in (SPEECH / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    return [
        Clip(SPEECH / row["file"], row["text"], row["duration_s"])
        for row in rows
        if row["language"].startswith(language) and row["kind"] == kind and row["score_text"]
    ]


def error_percent(language: str, references: Iterable[str], hypotheses: Iterable[str]) -> float:
    """WER in percent for English, CER for Mandarin."""
    if language == "en":
        pairs = [_english(text) for text in references], [_english(text) for text in hypotheses]
        return 100 * float(jiwer.wer(*pairs))
    return 100 * float(jiwer.cer([_characters(t) for t in references], [_characters(t) for t in hypotheses]))


def _characters(text: str) -> str:
    simplified = _simplified.convert(text).lower()
    return "".join(char for char in simplified if unicodedata.category(char)[0] in "LN")
