"""Logs: one JSON object a line, with its time, and never a secret by construction.

Nothing logs settings, headers or bodies; what is logged are names, ids, counts and reasons.
"""

import logging
import sys
from pathlib import Path
from typing import Any, TextIO

import structlog


def log_to(target: Path | None) -> None:
    """Send the log of this process to a file, or to standard error where none is named."""
    stream: TextIO = sys.stderr if target is None else target.open("a", buffering=1)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, handlers=[_Forwarding()], force=True, format="%(message)s"
    )


class _Forwarding(logging.Handler):
    """Libraries that use the standard logging end up in the same log."""

    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, Any] = {"logger": record.name}
        structlog.get_logger().log(
            record.levelno, record.getMessage(), exc_info=record.exc_info, **event
        )
