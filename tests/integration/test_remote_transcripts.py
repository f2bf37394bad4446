"""Whole recordings through a remote engine: what a server does not say, and what it cannot be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from care_voice.app import Application
from care_voice.config import load_settings
from care_voice.domain.transcript import Transcript
from care_voice.service.options import TranscriptionOptions
from care_voice.service.selftest import CLIP
from support.remote_server import RemoteServer, remote_server, says

RECORDING = Path(str(files("care_voice.service").joinpath(CLIP)))
NO_CLIP = b"no window ends like this"
HEARD = says(text="Ask what you can do for your country.")


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    with remote_server(NO_CLIP, HEARD, HEARD) as running:
        yield running


@pytest.fixture
async def application(server: RemoteServer, tmp_path: Path) -> AsyncIterator[Application]:
    settings = {
        "DATA_DIR": str(tmp_path), "ENGINE__KIND": "remote", "REMOTE__URL": server.url, "MODEL": "clinic",
        "TRANSCRIPTION__PROFILE": "accurate", "TRANSCRIPTION__BEAM_SIZE": "8",
        "TRANSCRIPTION__LANGUAGE_DETECTION": "window", "TRANSCRIPTION__HOTWORDS": "Liddy",
    }  # fmt: skip
    running = Application(load_settings({f"CARE_VOICE_{name}": value for name, value in settings.items()}))
    try:
        await running.lifecycle.start_and_wait()
        server.windows.clear()
        yield running
    finally:
        await running.lifecycle.close()


async def transcribed(application: Application, **wishes: Any) -> Transcript:
    return await application.transcriber.transcribe(RECORDING, TranscriptionOptions(**wishes), "test")


async def test_a_language_that_the_server_does_not_tell_is_undetermined(application: Application) -> None:
    transcript = await transcribed(application)

    assert transcript.language == "und"
    assert {segment.language for segment in transcript.segments} == {None}
