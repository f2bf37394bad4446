"""Care Voice as its users run it: through its transcriber, with its worker processes and its default settings."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from answering import arguments, say, take_stdout

from care_voice import __version__
from care_voice.app import Application
from care_voice.config import load_settings
from care_voice.service.options import TranscriptionOptions
from care_voice.telemetry.logs import configure_logging


async def main() -> None:
    out = take_stdout()
    os.environ["CARE_VOICE_MODEL"] = wanted.model
    os.environ["CARE_VOICE_TRANSCRIPTION__BEAM_SIZE"] = str(wanted.beam)
    configure_logging("text", "error")
    began = time.perf_counter()
    application = Application(load_settings())
    try:
        await application.lifecycle.start_and_wait()
        detail = application.lifecycle.board["engine_worker"].detail
        say(out, {"version": f"Care Voice {__version__}: {detail}", "load_s": time.perf_counter() - began})
        while line := await asyncio.to_thread(sys.stdin.readline):
            request = json.loads(line)
            options = TranscriptionOptions(language=request["language"])
            began = time.perf_counter()
            transcript = await application.transcriber.transcribe(Path(request["path"]), options, "benchmark")
            say(out, {"text": transcript.text, "seconds": time.perf_counter() - began})
    finally:
        await application.lifecycle.close()


wanted = arguments()
asyncio.run(main())
