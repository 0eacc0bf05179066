"""What the database refuses because nothing would cover it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

CONSTRAINTS: Final = frozenset({"covers_every_prize", "never_beyond_the_limit"})


class Uncovered(Exception):  # noqa: N818 - it is what happened, not a malfunction
    """A round or a bankroll would be exposed above its bound; nothing is written."""


@asynccontextmanager
async def covering() -> AsyncIterator[None]:
    """Turn what these constraints refuse into Uncovered."""
    try:
        yield
    except asyncpg.CheckViolationError as error:
        if error.constraint_name not in CONSTRAINTS:
            raise
        raise Uncovered from error
