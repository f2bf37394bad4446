"""Whole recordings through a remote engine: what a server does not say, and what it cannot be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from care_voice.app import Application
from care_voice.config import load_settings
from care_voice.domain.errors import UnsupportedParameter
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
async def application(
    server: RemoteServer, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[Application]:
    settings = {
        "DATA_DIR": str(tmp_path), "ENGINE__KIND": "remote", "REMOTE__URL": server.url, "MODEL": "clinic",
        "TRANSCRIPTION__PROFILE": "accurate", "TRANSCRIPTION__BEAM_SIZE": "8",
        "TRANSCRIPTION__LANGUAGE_DETECTION": "window", "TRANSCRIPTION__HOTWORDS": "Liddy",
        **getattr(request, "param", {}),
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


@pytest.mark.parametrize(
    "wish",
    [
        {"profile": "accurate"}, {"profile": "fast"}, {"beam_size": 5}, {"temperatures": (0.0, 0.5)},
        {"language_detection": "window"},
    ],
    ids="".join,
)  # fmt: skip
async def test_what_the_server_cannot_be_told_is_refused_before_any_sound_is_sent(
    application: Application, server: RemoteServer, wish: dict[str, Any]
) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        await transcribed(application, **wish)

    assert caught.value.fields["param"] in wish
    assert server.windows == []


async def test_what_the_operator_favours_is_passed_on_as_far_as_it_can_be(
    application: Application, server: RemoteServer
) -> None:
    await transcribed(application, language="en", prompt="A speech.", profile="balanced")
    (sent,) = server.windows
    assert set(sent.fields) == {
        "model", "response_format", "temperature", "prompt", "language", "timestamp_granularities[]"
    }  # fmt: skip
    assert sent.fields["prompt"] == ["Liddy A speech."]


@pytest.mark.parametrize("application", [{"REMOTE__EXTENSIONS": "true"}], indirect=True)
async def test_another_care_voice_is_told_how_to_decode(application: Application, server: RemoteServer) -> None:
    await transcribed(
        application, language="en", profile="accurate", beam_size=3, temperatures=(0.0, 0.5), prompt="Hm."
    )
    (sent,) = server.windows
    asked = {
        "profile": ["accurate"], "beam_size": ["3"], "temperatures[]": ["0", "0.5"], "hotwords": ["Liddy"],
        "prompt": ["Hm."],
    }  # fmt: skip
    assert sent.fields.items() >= asked.items()
    assert "temperature" not in sent.fields


@pytest.mark.parametrize("application", [{"REMOTE__EXTENSIONS": "true"}], indirect=True)
async def test_a_language_that_changes_within_a_window_is_lost_even_then(application: Application) -> None:
    with pytest.raises(UnsupportedParameter):
        await transcribed(application, language_detection="window")
