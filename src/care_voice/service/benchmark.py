"""How fast a model is on this machine: recordings through the whole way that a user's take, and their words checked."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from statistics import median

from care_voice.domain.transcript import Transcript
from care_voice.service.options import TranscriptionOptions
from care_voice.service.selftest import CLIP, wrong_words
from care_voice.service.transcription import Transcriber

_MAX_COMPRESSION_RATIO = 2.4
"""Whisper's own limit (Radford et al., 2022, section 4.5): above it phrases repeat."""

RUNS = 20
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Recording:
    """What is transcribed; `language` None means that it is detected each time. The words of a `known` one are."""

    path: Path
    language: str | None
    known: bool = False


@dataclass(frozen=True, slots=True)
class Effort:
    """How often a recording is transcribed: `runs` times, but not begun again after `seconds`."""

    runs: int = RUNS
    seconds: float = SECONDS


@dataclass(frozen=True, slots=True)
class Speed:
    """Wall seconds of each run over a recording of `audio_s` seconds; `problem` says why its text cannot be right."""

    recording: str
    audio_s: float
    wall_s: tuple[float, ...]
    problem: str | None

    @property
    def median_s(self) -> float:
        return median(self.wall_s)

    @property
    def p95_s(self) -> float:
        """The nearest rank: the slowest of up to 20 runs."""
        return sorted(self.wall_s)[math.ceil(0.95 * len(self.wall_s)) - 1]

    @property
    def rtf(self) -> float:
        """Real-time factor: seconds of work for a second of sound."""
        return self.median_s / self.audio_s


@contextmanager
def shipped_recording() -> Iterator[Recording]:
    """The clip of the self-test: 3.8 s of English, as short as what people say to a machine."""
    with as_file(files("care_voice.service").joinpath(CLIP)) as path:
        yield Recording(path, "en", known=True)


async def measure(transcriber: Transcriber, recording: Recording, effort: Effort) -> Speed:
    """Transcribe a recording again and again.

    Raises:
        CareVoiceError: What is wrong with the file or the service.
    """
    options = TranscriptionOptions(language=recording.language)
    transcripts: list[Transcript] = []
    wall_s: list[float] = []
    while not wall_s or (len(wall_s) < effort.runs and sum(wall_s) < effort.seconds):
        began = time.perf_counter()
        transcripts.append(await transcriber.transcribe(recording.path, options, request_id="benchmark"))
        wall_s.append(time.perf_counter() - began)
    problem = next(filter(None, (problem_of(each, known=recording.known) for each in transcripts)), None)
    return Speed(recording.path.name, transcripts[0].duration, tuple(wall_s), problem)


def problem_of(transcript: Transcript, *, known: bool) -> str | None:
    """Why a transcript cannot be right; None when nothing speaks against it."""
    if not transcript.text.strip():
        return "no words"
    if any(segment.stats.compression_ratio > _MAX_COMPRESSION_RATIO for segment in transcript.segments):
        return "phrases repeat"
    return wrong_words(transcript.text) if known else None
