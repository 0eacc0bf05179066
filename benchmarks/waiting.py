"""Waiting for what only asking again can tell."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")


async def until(
    ask: Callable[[], Awaitable[Answer | None]], *, every: float, within: float = 60.0
) -> Answer:
    """Ask until the answer says something; TimeoutError where it takes too long. In seconds."""
    async with asyncio.timeout(within):
        while True:
            answer = await ask()
            if answer:
                return answer
            await asyncio.sleep(every)
