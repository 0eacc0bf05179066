"""What fairness needs from outside: a drand chain, through its mirrors."""

from collections.abc import AsyncIterator
from typing import Protocol

from rooms.kernel.result import Err, Ok
from rooms.proof.beacon import Beacon, DrandChain


class Drand(Protocol):
    """One drand chain. Failures are values, one word each; what is given has been verified."""

    @property
    def chain(self) -> DrandChain: ...

    async def check(self) -> int:
        """Ask every mirror what it serves; give how many serve this chain."""
        ...

    async def beacon(self, number: int) -> Ok[Beacon] | Err[str]:
        """Ask for one beacon: the first right answer of any mirror."""
        ...

    def newest(self) -> AsyncIterator[Beacon]:
        """Ask every mirror for its newest beacon; each right answer as it comes."""
        ...
