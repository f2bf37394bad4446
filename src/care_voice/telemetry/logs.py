"""Structured logs: one JSON object a line on stderr (or readable text on a terminal), joined by `request_id`."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import Processor

LogFormat = Literal["auto", "json", "text"]

_TRACEBACKS = ExceptionDictTransformer(show_locals=False)
"""Local variables hold prompts and transcripts, which no log may ever hold."""

_QUIET = (
    "httpx", "httpx2", "httpcore", "httpcore2", "uvicorn.access", "multipart", "python_multipart", "boto3", "botocore",
    "urllib3",
)  # fmt: skip
"""Libraries that write a line for each request, with addresses and headers of it."""


def configure_logging(log_format: LogFormat = "auto", level: str = "info") -> None:
    """Set up logging of this process. The standard library's records, uvicorn's among them, take the same way."""
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(shared, as_text=as_text))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _formatter(shared: list[Processor], *, as_text: bool) -> logging.Formatter:
    if as_text:
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
                ),
            ],
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(_TRACEBACKS),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )
