"""The event loop of a process: the faster one where there is one."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any


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

    Looking through all of it takes a tenth of a second, in which nobody is answered.
    """
    gc.collect()
    gc.freeze()
