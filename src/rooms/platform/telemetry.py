"""Logs: one JSON object a line, with its time and the request it belongs to, and never a secret.

Nothing logs settings, headers or bodies; what is logged are names, ids, counts and reasons. What
a library or a traceback may quote all the same is hidden by its shape, as a second line of defence.
"""

import hashlib
import itertools
import logging
import re
import secrets
import sys
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self, TextIO, cast

import structlog

from rooms.platform.tracing import trace_ids

Level = Literal["debug", "info", "warning", "error"]
Event = MutableMapping[str, Any]

HIDDEN: Final = "[hidden]"
SECRET_NAMES: Final = re.compile(
    r"token|passw|secret|authorization|dsn|(^|[_-])key$", re.IGNORECASE
)
SECRET_SHAPES: Final = (
    # The password in an address, and whatever is named a secret.
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"(?i)((?:passw|secret|api[_-]?key|token)\w*[\"']?\s*[=:]\s*)[^\s&,;]+"),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[\w.~+/=-]+"), rf"\1\2{HIDDEN}"),
    # The database and its driver quote what they refuse, the keys of commands among it.
    (re.compile(r"(Key \(.*?\)=\().*"), rf"\1{HIDDEN})"),
    (re.compile(r"(?s)(Failing row contains \().*?(?=\n\n|\Z)"), rf"\1{HIDDEN})"),
    (re.compile(r"(invalid input for query argument \$\d+: ).*"), rf"\1{HIDDEN}"),
    # A token of ours is 256 bits in base64; an address of Solana, as long, has none of these.
    (re.compile(r"(?<![\w-])(?=[\w-]*[0OIl_-])[A-Za-z0-9_-]{43}(?![\w-])"), HIDDEN),
)

_process: Final = secrets.token_hex(4)
_numbers: Final = itertools.count(1)


class Noted:
    """A request that is being answered: all that is logged inside says to which it belongs.

    ``id`` is new for each. Written by hand, as it stands before every answer of the house.
    """

    __slots__ = ("_before", "headers", "id", "over")

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.headers = headers
        self.id = f"{_process}-{next(_numbers)}"
        self.over = False

    def __enter__(self) -> Self:
        self._before = _request.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True  # tasks that it has begun may outlive it
        _request.reset(self._before)

    def shown(self) -> dict[str, str]:
        """Give what the log says of it: never the key of a command, but a hash to find it by."""
        key = next((value for name, value in self.headers if name == b"idempotency-key"), None)
        command = {} if key is None else {"command": hashlib.sha256(key).hexdigest()[:16]}
        return {"request": self.id, **command}


_request: Final[ContextVar[Noted | None]] = ContextVar("request", default=None)


def log_to(target: Path | None, level: Level = "info") -> None:
    """Send the log of this process to a file, or to standard error where none is named."""
    stream = _Stream(sys.stderr if target is None else target.open("a", buffering=1))
    structlog.configure(
        processors=[
            _say_where,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", stream)),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, handlers=[_Forwarding()], force=True, format="%(message)s"
    )


def _say_where(_logger: Any, _method: str, event: Event) -> Event:
    note = _request.get()
    if note is not None and not note.over:
        event.update(note.shown())
    event.update(trace_ids())
    return event


def _hide_secrets(_logger: Any, _method: str, event: Event) -> Event:
    for name, value in event.items():
        event[name] = HIDDEN if SECRET_NAMES.search(name) else _without_secrets(value)
    return event


def _without_secrets(value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    text = str(value)
    for shape, shown in SECRET_SHAPES:
        text = shape.sub(shown, text)
    return text


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Stream:
    """Where the log goes. A full disk costs lines of it, never the work that they tell of."""

    target: TextIO

    def write(self, text: str) -> None:
        with suppress(OSError):
            self.target.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self.target.flush()


class _Forwarding(logging.Handler):
    """Libraries that use the standard logging end up in the same log."""

    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, Any] = {"logger": record.name}
        structlog.get_logger().log(
            record.levelno, record.getMessage(), exc_info=record.exc_info, **event
        )
