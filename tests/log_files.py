"""The log of this process, as a test can read it."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from rooms.platform.telemetry import Level, log_to


@dataclass(frozen=True, slots=True)
class Log:
    """A file of JSON lines."""

    path: Path

    def text(self) -> str:
        return self.path.read_text()

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text().splitlines()]


@contextmanager
def logging_to(path: Path, level: Level = "info") -> Iterator[Log]:
    """Send the log to a file while inside, then where it went before."""
    root, config = logging.getLogger(), structlog.get_config()
    handlers, before = list(root.handlers), root.level
    root.handlers = []
    log_to(path, level)
    stream = structlog.get_config()["logger_factory"]._file
    try:
        yield Log(path)
    finally:
        stream.target.close()
        structlog.configure(**config)
        root.handlers, root.level = handlers, before
