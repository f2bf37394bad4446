"""The server that most people write first: FastAPI around faster-whisper, one request at a time.

MODEL_DIR=data/models/views/base .venv/bin/python -m uvicorn --app-dir benchmarks/peers faster_whisper_server:app
"""

import os
import tempfile
import threading
from typing import Annotated

from fastapi import FastAPI, Form, UploadFile
from faster_whisper import WhisperModel

app = FastAPI()
model = WhisperModel(os.environ["MODEL_DIR"], device="cpu", compute_type="int8", cpu_threads=os.cpu_count() or 1)
one_at_a_time = threading.Lock()
beam_size = int(os.environ.get("BEAM_SIZE", "5"))


@app.get("/health/ready")
def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.post("/v1/audio/transcriptions")
def transcribe(file: UploadFile, language: Annotated[str | None, Form()] = None) -> dict[str, str]:
    with tempfile.NamedTemporaryFile() as copy:
        copy.write(file.file.read())
        copy.flush()
        with one_at_a_time:
            segments, _ = model.transcribe(copy.name, language=language, beam_size=beam_size)
            return {"text": "".join(segment.text for segment in segments).strip()}
