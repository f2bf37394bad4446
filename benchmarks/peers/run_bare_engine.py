"""What Care Voice's workers compute, called in one process: no API, no queue, no process boundary.

"seconds" is decoding of the windows alone; "media_s" is reading, voice activity detection and cutting before it, which
Care Voice does in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time

from answering import arguments, say, take_stdout

from care_voice import __version__
from care_voice.app import Application
from care_voice.config import load_settings
from care_voice.engine.media import MediaReader
from care_voice.engine.protocol import DecodeWindow, LoadEngine, MediaWindow, OpenMedia, WindowDecoded
from care_voice.engine.windows import WindowDecoder
from care_voice.service.options import PROFILES, TranscriptionOptions, ladder
from care_voice.telemetry.logs import configure_logging


async def load_message() -> LoadEngine:
    """What the supervisor would tell an engine worker to load."""
    application = Application(load_settings())
    local = application.models.default.local
    assert local is not None
    spec = await application._engine_spec(local.choice)  # noqa: SLF001 - the same message as in the product
    assert isinstance(spec.load, LoadEngine)
    return spec.load


def windows_of(reader: MediaReader, path: str, options: TranscriptionOptions) -> list[DecodeWindow]:
    """The requests that the service would make of a file."""
    messages = reader.read(OpenMedia(0, "benchmark", path, 1e6, options.vad))
    return [
        DecodeWindow(
            id=number,
            request_id="benchmark",
            pcm=window.pcm,
            start_s=window.start_s,
            speech=window.speech,
            language=options.language,
            languages=options.languages,
            task=options.task,
            prompt=options.prompt,
            temperatures=ladder(0.0, PROFILES["balanced"].ladder_step),
            beam_size=wanted.beam,
        )
        for number, window in enumerate(message for message in messages if isinstance(message, MediaWindow))
    ]


def text_of(decoded: WindowDecoded) -> str:
    """The words in a row."""
    return "".join(word.text for part in decoded.parts for word in part.words)


def main() -> None:
    out = take_stdout()
    os.environ["CARE_VOICE_MODEL"] = wanted.model
    configure_logging("text", "error")
    began = time.perf_counter()
    engine, reader = WindowDecoder(asyncio.run(load_message())), MediaReader()
    version = f"Care Voice {__version__}: {engine.runtime.detail}"
    say(out, {"version": version, "load_s": time.perf_counter() - began})
    for line in sys.stdin:
        request = json.loads(line)
        began = time.perf_counter()
        windows = windows_of(reader, request["path"], TranscriptionOptions(language=request["language"]))
        cut = time.perf_counter()
        text = "".join(text_of(engine.decode(window)) for window in windows)
        say(out, {"text": text, "seconds": time.perf_counter() - cut, "media_s": cut - began})


wanted = arguments()
main()
