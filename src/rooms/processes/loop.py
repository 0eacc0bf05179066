"""The event loop of a process: the faster one where there is one."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from functools import cache
from typing import Any, Final

if sys.platform != "win32":
    import resource

# How many more objects were made than dropped before the youngest are looked through, how many
# such looks make one at the older, and how many of those one at all there are. What a look at the
# older finds in use, as all requests are that are being answered, stays until the look at all.
COLLECT_AFTER: Final = (5_000, 4, 10)


# So many files a process asks to have open, and so many of them are its own: the database's
# connections, those to price sources, logs. The rest are for strangers.
MOST_FILES: Final = 65_536
OWN_FILES: Final = 128


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's main task to its end."""
    keep_what_is_loaded()
    open_many_files()
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop  # noqa: PLC0415 - it is not made for every system

    uvloop.run(main)


def open_many_files() -> None:
    """Let the process open as many files as the system lets it ask for."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@cache
def most_connections() -> int:
    """Say how many connections of strangers leave the process what it needs for itself."""
    if sys.platform == "win32":
        return MOST_FILES
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MOST_FILES if soft == resource.RLIM_INFINITY else soft
    return max(files - OWN_FILES, files // 2)


def keep_what_is_loaded() -> None:
    """Let the garbage collector leave alone what lives as long as the process: the program itself.

    Looking through all of it takes a tenth of a second, in which nobody is answered. A process
    that is ready calls this once more: its house has come since it began. What is made
    for requests is looked through less often than by default, where ten thousand bets a second
    would spend a quarter of the process on it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
