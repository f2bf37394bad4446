"""Logs of processes that seldom say a word: structlog, which takes 0.1 s to import, comes with the first record."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from care_voice.telemetry.logs import LogFormat


class _Deferred(logging.Handler):
    """Sets logging up when the first record comes, and passes it on."""

    def __init__(self, log_format: LogFormat, level: str) -> None:
        super().__init__()
        self._format: LogFormat = log_format
        self._level = level

    def emit(self, record: logging.LogRecord) -> None:
        self.settle()
        logging.getLogger().handle(record)

    def settle(self) -> None:
        """Set logging up for good."""
        from care_voice.telemetry.logs import configure_logging  # noqa: PLC0415 - this is what is deferred

        configure_logging(self._format, self._level)


class DeferredLogger:
    """A logger of structlog, which is imported when something is logged."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, _Deferred):
                handler.settle()
        import structlog  # noqa: PLC0415 - this is what is deferred

        return getattr(structlog.get_logger(self._name), method)


def configure_logging_later(log_format: LogFormat = "auto", level: str = "info") -> None:
    """As `configure_logging`, at the first record. A later call replaces an earlier one."""
    root = logging.getLogger()
    root.handlers[:] = [_Deferred(log_format, level)]
    root.setLevel(level.upper())
