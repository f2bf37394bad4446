"""What `care-voice bench` computes from its runs, and when it says that a text cannot be right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from care_voice.domain.transcript import Segment, Transcript, WindowStats, Word
from care_voice.service.benchmark import Effort, Recording, Speed, measure, problem_of
from care_voice.telemetry.memory import peak_resident_bytes

KNOWN = "And so my fellow Americans ask what you can do for your country."


def transcript(text: str, compression_ratio: float = 1.1) -> Transcript:
    words = tuple(Word(f" {word}", 0.0, 1.0, 0.9) for word in text.split())
    stats = WindowStats(0.0, -0.2, compression_ratio, 0.01)
    segments = (Segment(0, 0.0, 1.0, words, stats, 0.0),) if words else ()
    return Transcript("transcribe", "en", 4.0, segments)


class Answering:
    """Gives the texts one after the other, the last one for ever."""

    def __init__(self, *texts: str) -> None:
        self.calls = 0
        self._texts = texts

    async def transcribe(self, *_: object, **__: object) -> Transcript:
        self.calls += 1
        return transcript(self._texts[min(self.calls, len(self._texts)) - 1])


async def measured(transcriber: Any, effort: Effort, *, known: bool = True) -> Speed:
    return await measure(transcriber, Recording(Path("clip.ogg"), "en", known=known), effort)


def test_the_figures_are_those_of_the_runs() -> None:
    speed = Speed("clip", 10.0, (*[1.0] * 10, *[2.0] * 9, 30.0), None)
    assert speed.median_s == 1.5
    assert speed.rtf == 0.15
    assert speed.p95_s == 2.0
    assert Speed("clip", 10.0, (3.0,), None).p95_s == 3.0


async def test_a_recording_is_run_as_often_as_asked() -> None:
    transcriber = Answering(KNOWN)
    speed = await measured(transcriber, Effort(runs=5, seconds=1e6))
    assert transcriber.calls == len(speed.wall_s) == 5
    assert (speed.recording, speed.audio_s, speed.problem) == ("clip.ogg", 4.0, None)


async def test_a_recording_is_run_once_however_little_time_there_is() -> None:
    assert len((await measured(Answering(KNOWN), Effort(runs=5, seconds=0.0))).wall_s) == 1


async def test_one_bad_text_among_many_is_told() -> None:
    speed = await measured(Answering(KNOWN, "something else", KNOWN), Effort(runs=3, seconds=1e6))
    assert speed.problem is not None
    assert "known words" in speed.problem


@pytest.mark.parametrize(
    ("text", "ratio", "known", "problem"),
    [
        (KNOWN, 1.1, True, None),
        ("any words will do", 1.1, False, None),
        ("entirely other words", 1.1, True, "7 of 7 known words were not recognised"),
        ("", 1.1, False, "no words"),
        ("again and again", 2.5, False, "phrases repeat"),
    ],
)
def test_what_cannot_be_right(text: str, ratio: float, known: bool, problem: str | None) -> None:
    assert problem_of(transcript(text, ratio), known=known) == problem


def test_the_peak_of_a_process_is_that_of_its_memory() -> None:
    before = peak_resident_bytes(os.getpid())
    held = bytearray(os.urandom(1 << 20)) * 200
    assert peak_resident_bytes(os.getpid()) >= before > 10_000_000
    assert peak_resident_bytes(os.getpid()) > len(held)


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert peak_resident_bytes(2**22 + 1) == 0
