"""structlog set-up: JSON unless a terminal is attached, one line an event, no payloads and no secrets."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import Any, TextIO

import structlog

from pulse import VERSION
from pulse.settings import LogSettings


def configure(settings: LogSettings, component: str, stream: TextIO | None = None) -> structlog.stdlib.BoundLogger:
    """Sets the process's log up once and returns its logger, bound to the component's name and version.

    Shared keys: `timestamp` (UTC, ISO 8601), `level`, `event` (snake_case, past tense), `component`, `version`.
    """
    out = stream or sys.stderr
    as_text = settings.format == "text" or (settings.format == "auto" and out.isatty())
    renderer: Any = structlog.dev.ConsoleRenderer() if as_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if as_text else [structlog.processors.dict_tracebacks]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(_Unfailing(out)),  # type: ignore[arg-type] # all that it needs
        cache_logger_on_first_use=False,
    )
    logger: structlog.stdlib.BoundLogger = structlog.get_logger().bind(component=component, version=VERSION)
    return logger


class _Unfailing:
    """A stream whose lines are lost when they cannot be written: a full disk or a reader that left stops no work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


class _Passed(logging.Handler):
    """Hands the lines of a library that knows only the standard log over to structlog."""

    def __init__(self, log: structlog.stdlib.BoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.log(record.levelno, "library_reported", library=record.name, message=record.getMessage())


def of_library(name: str, log: structlog.stdlib.BoundLogger, least: int = logging.INFO) -> logging.Logger:
    """A standard logger whose lines, from the level `least` on, come out as events of `log`.

    librdkafka would otherwise write lines of its own form between the JSON ones.
    """
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(least)
    logger.handlers = [_Passed(log)]
    return logger
