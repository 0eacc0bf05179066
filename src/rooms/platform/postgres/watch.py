"""Keeps the embedded server running: one that has died is started again for those who use it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from rooms.platform.postgres.supervisor import EmbeddedPostgres
from rooms.platform.problem import Problem

log = structlog.get_logger()

LOOK_EVERY: Final = 0.2
REST_AFTER_PROBLEM: Final = 1.0


@contextmanager
def kept_running(server: EmbeddedPostgres) -> Iterator[None]:
    """Start an entered server again whenever it has ended, until leaving.

    In a thread, so that it works whatever the event loop is busy with.
    """
    leaving = threading.Event()
    watch = threading.Thread(target=_watch, args=(server, leaving), name="postgres")
    watch.start()
    try:
        yield
    finally:
        leaving.set()
        watch.join()


def _watch(server: EmbeddedPostgres, leaving: threading.Event) -> None:
    told = ""
    while not leaving.wait(REST_AFTER_PROBLEM if told else LOOK_EVERY):
        try:
            started = server.start_again()
        except (Problem, OSError) as problem:
            # A disk may stay full for hours: one line says it.
            if str(problem) != told:
                log.error("PostgreSQL has ended and does not start", why=str(problem))  # noqa: TRY400
            told = str(problem)
        else:
            if started or told:
                log.warning("PostgreSQL had ended; it runs again", pid=server.status().pid)
            told = ""
