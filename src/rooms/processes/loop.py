"""The event loop of a process: the faster one where there is one."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any, Final

# How many more objects were made than dropped before the youngest are looked through, how many
# such looks make one at the older, and how many of those one at all there are. What a look at the
# older finds in use, as all requests are that are being answered, stays until the look at all.
COLLECT_AFTER: Final = (5_000, 4, 10)


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Run a process's main task to its end."""
    keep_what_is_loaded()
    if sys.platform == "win32":
        asyncio.run(main)
        return
    import uvloop  # noqa: PLC0415 - it is not made for every system

    uvloop.run(main)


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
