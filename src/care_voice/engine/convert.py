"""Main program of a conversion: `python -m care_voice.engine.convert quantize SOURCE TARGET --to int8`.

Standard output gets one line of JSON: `{"tool": ...}`, or `{"code": ..., "why": ...}` and exit status 1. What libraries
print goes to standard error.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import structlog

from care_voice.domain.model_errors import ConversionFailed
from care_voice.engine.lifeline import die_with_parent
from care_voice.telemetry.logs import configure_logging

log = structlog.get_logger(__name__)

_NICENESS = 10
"""A conversion takes what the transcriptions leave."""

_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def main() -> None:
    arguments = _parser().parse_args()
    die_with_parent()
    configure_logging("text", "info")
    os.nice(_NICENESS)
    os.environ.update(_OFFLINE)
    answer = os.dup(1)
    os.dup2(2, 1)
    line, status = _answer(arguments)
    os.write(answer, json.dumps(line).encode() + b"\n")
    sys.exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["quantize", "transformers"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--to", choices=["int8", "int8_float16", "float16", "float32", "onnx-int8"], required=True)
    return parser


def _answer(arguments: argparse.Namespace) -> tuple[dict[str, str], int]:
    try:
        return {"tool": _convert(arguments)}, 0
    except ConversionFailed as error:
        return {"code": error.code, "why": str(error.fields["why"])}, 1
    except Exception as error:  # whatever a library raises about a file is the reason that the parent must be told
        log.exception("conversion_failed")
        return {"code": ConversionFailed.code, "why": _reason(error)}, 1


def _convert(arguments: argparse.Namespace) -> str:
    """The names and versions of the tools that were used."""
    # The libraries are imported here: they read the environment, and may print, while they are imported.
    if arguments.to == "onnx-int8":
        from care_voice.engine.backends.onnxrt import export  # noqa: PLC0415

        export.write_onnx(arguments.source, arguments.target)
        return export.TOOL
    if arguments.kind == "quantize":
        from care_voice.engine.backends import quantize  # noqa: PLC0415

        quantize.quantize(arguments.source, arguments.target, arguments.to)
        return quantize.TOOL
    from care_voice.engine.backends import checkpoint  # noqa: PLC0415

    return checkpoint.convert_checkpoint(arguments.source, arguments.target, arguments.to)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    return f"{type(error).__name__}: {next(iter(str(error).strip().splitlines()), '')}"


if __name__ == "__main__":
    main()
