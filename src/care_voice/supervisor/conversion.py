"""A conversion in a child process of its own: it may take minutes and gigabytes, and a crafted file may crash it."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Literal

import structlog

from care_voice.domain.model_errors import ConversionFailed

log = structlog.get_logger(__name__)

ConversionKind = Literal["quantize", "transformers"]

CONVERSION_TIMEOUT_S = 3600.0
"""Large models on a slow disk take minutes; an hour is a conversion that hangs."""

_POLL_S = 0.1
_MAX_OUTPUT_BYTES = 64 * 1024
"""The end of what the process printed; the rest is not read."""


def run_conversion(
    kind: ConversionKind, source: Path, target: Path, to: str, *, cancelled: Callable[[], bool], timeout_s: float
) -> str:
    """Convert the model in `source` into `target`, and return the names and versions of the tools that did it.

    Blocks: call it in a thread, which must live until it returns. The process is gone when this returns or raises.

    Args:
        kind: quantize reads a CTranslate2 model, transformers a Hugging Face checkpoint.
        source: The directory of the model; it is only read.
        target: A directory that is empty or does not exist. After an error it may hold a part of the result.
        to: int8, int8_float16, float16 or float32.
        cancelled: Asked ten times a second; true ends the conversion.
        timeout_s: Seconds after which the conversion is given up.

    Raises:
        ConversionFailed: The conversion was refused, failed, crashed, took too long or was cancelled.
    """
    command = [sys.executable, "-m", "care_voice.engine.convert", kind, str(source), str(target), "--to", to]
    with TemporaryFile() as answer, TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=answer, stderr=complaints, start_new_session=True
            )
        except OSError as error:
            raise ConversionFailed(name=source.name, why=f"no process could be started: {error}") from error
        try:
            _wait(process, source.name, cancelled, timeout_s)
        finally:
            process.kill()
            process.wait()
        return _tool(source.name, process.returncode, _tail(answer), _tail(complaints))


def quantize(source: Path, target: Path, to: str, cancelled: Callable[[], bool]) -> None:
    """Quantise the weights of a model: what the model manager makes derived models with. Raises ConversionFailed."""
    run_conversion("quantize", source, target, to, cancelled=cancelled, timeout_s=CONVERSION_TIMEOUT_S)


def _wait(process: subprocess.Popen[bytes], name: str, cancelled: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            process.wait(_POLL_S)
            return
        except subprocess.TimeoutExpired:
            if cancelled():
                raise ConversionFailed(name=name, why="it was cancelled") from None
            if time.monotonic() > deadline:
                raise ConversionFailed(name=name, why=f"it took longer than {timeout_s:g} s") from None


def _tool(name: str, status: int, answer: str, complaints: str) -> str:
    said = _parsed(answer)
    if status == 0 and "tool" in said:
        return str(said["tool"])
    log.error("conversion_failed", model=name, status=status, stderr=complaints)
    raise ConversionFailed(name=name, why=said.get("why") or _end(status, complaints))


def _parsed(answer: str) -> dict[str, object]:
    try:
        said = json.loads(answer)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _end(status: int, complaints: str) -> str:
    """Why a process ended that did not say it itself."""
    if status < 0:
        return f"its process was ended by a signal ({signal.strsignal(-status)})"
    last = complaints.strip().rpartition("\n")[2]
    return f"its process ended with status {status}: {last}"


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - _MAX_OUTPUT_BYTES))
    return file.read().decode("utf-8", "replace")
