"""A transcription that goes on from checkpoints gives what an uninterrupted one does, and computes what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from care_voice.app import Application
from care_voice.service.checkpoints import KnownWindow, from_json, to_json
from care_voice.service.options import TranscriptionOptions
from care_voice.service.transcription import Event, Progress
from support import sound
from support.application import running_application

LENGTH_S = 62
OPTIONS = {
    "detected once": TranscriptionOptions(profile="fast"),
    "detected for each window": TranscriptionOptions(profile="fast", language_detection="window"),
}


class Kept:
    """Checkpoints in memory, as JSON; `saved` are the numbers of this attempt in the order of saving."""

    def __init__(self, known: Mapping[int, KnownWindow] | None = None) -> None:
        self.known = dict(known or {})
        self.saved: dict[int, KnownWindow] = {}

    async def save(self, number: int, window: KnownWindow) -> None:
        kept = from_json(window.start_s, window.end_s, to_json(window, "recipe"), "recipe")
        assert kept is not None
        self.saved[number] = kept


async def events_of(
    application: Application, path: Path, options: TranscriptionOptions, checkpoint: Kept
) -> list[Event]:
    async with application.transcriber.run(path, options, "test", checkpoint=checkpoint) as events:
        return [event async for event in events]


def told(events: list[Event]) -> list[Event]:
    """All but the progress through silence, which depends on when it is looked at."""
    return [event for event in events if not isinstance(event, Progress)]


@pytest.mark.parametrize("language", OPTIONS)
async def test_what_is_known_is_not_computed_and_the_transcript_is_the_same(
    model_store: Path, tmp_path: Path, speech: Path, language: str
) -> None:
    path, options = tmp_path / "reading.wav", OPTIONS[language]
    path.write_bytes(sound.wav(sound.decoded(speech / "long/printing-lj001.mp3")[: LENGTH_S * sound.RATE]))
    async with running_application(tmp_path / "data", model_store) as application:
        whole = Kept()
        uninterrupted = await events_of(application, path, options, whole)
        numbers = sorted(whole.saved)
        assert len(numbers) >= 3

        for missing in ([], [1], [numbers[-1]]):
            known = {number: window for number, window in whole.saved.items() if number not in missing}
            resumed = Kept(known)
            events = await events_of(application, path, options, resumed)
            assert told(events) == told(uninterrupted)
            assert sorted(resumed.saved) == missing
            *progress, end = [event.done_s for event in events if isinstance(event, Progress)]
            assert progress == sorted(progress)
            assert end == LENGTH_S

        moved = replace(whole.saved[1], end_s=whole.saved[1].end_s - 1.0)
        resumed = Kept({number: window for number, window in {**whole.saved, 1: moved}.items() if number != 0})
        assert told(await events_of(application, path, options, resumed)) == told(uninterrupted)
        assert sorted(resumed.saved) == [0, 1], "a window that lies elsewhere was not computed"
